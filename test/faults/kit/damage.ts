import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Knex } from 'knex'
import type { RedisBackend } from './backends.ts'

/** How bytes are damaged; `place` is a share of their length. */
export interface Damage {
  readonly kind: 'flip' | 'truncate' | 'empty' | 'foreign'
  readonly place: number
}

export const DAMAGES: readonly Damage['kind'][] = ['flip', 'truncate', 'empty', 'foreign']
const FOREIGN = '{"_auth_user_id":"1","a":[1,2]}'

export function damaged(bytes: Buffer, { kind, place }: Damage): Buffer {
  if (kind === 'empty') return Buffer.alloc(0)
  if (kind === 'foreign') return Buffer.from(FOREIGN)
  const position = Math.trunc(place * bytes.length)
  if (kind === 'truncate') return bytes.subarray(0, position)
  const copy = Buffer.from(bytes)
  // Still a printable character, where it was one.
  if (copy.length > 0) copy[position] = (copy[position] ?? 0) ^ 1
  return copy
}

/** Damages every row of the sessions. */
export async function damageTable(knex: Knex, damage: Damage): Promise<void> {
  const rows: { session_key: string; data: string }[] = await knex('sessions').select('session_key', 'data')
  for (const { session_key, data } of rows) {
    await knex('sessions')
      .where({ session_key })
      .update({ data: damaged(Buffer.from(data, 'latin1'), damage).toString('latin1') })
  }
}

const LUA = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  if redis.call('TYPE', key).ok == 'string' then
    local value = redis.call('GET', key)
    local position = math.floor(ARGV[2] * #value)
    if ARGV[1] == 'empty' then value = ''
    elseif ARGV[1] == 'foreign' then value = ARGV[3]
    elseif ARGV[1] == 'truncate' then value = value:sub(1, position)
    elseif #value > 0 then
      local byte = value:byte(position + 1)
      local flipped = byte % 2 == 0 and byte + 1 or byte - 1
      value = value:sub(1, position) .. string.char(flipped) .. value:sub(position + 2)
    end
    redis.call('SET', key, value, 'KEEPTTL')
  end
end`

/** Damages every string of a Redis. */
export async function damageRedis(redis: RedisBackend, { kind, place }: Damage): Promise<void> {
  await redis.command('EVAL', LUA, '0', kind, String(place), FOREIGN)
}

/** Damages every file of a folder, but those that lock. */
export function damageFiles(folder: string, damage: Damage): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile() && !entry.name.includes('lock')) writeFileSync(file, damaged(readFileSync(file), damage))
  }
}

/** Damages every entry of a Memcached. */
export async function damageMemcached(port: number, damage: Damage): Promise<void> {
  const listed = (await talk(port, 'lru_crawler metadump all\r\n')).toString('latin1')
  for (const [, encoded = ''] of listed.matchAll(/^key=(\S+)/gm)) {
    const key = decodeURIComponent(encoded)
    const answer = await talk(port, `get ${key}\r\n`)
    const end = answer.indexOf('\r\n')
    const [, , flags = '0', length = '0'] = answer.subarray(0, end).toString().split(' ')
    if (!answer.subarray(0, end).toString().startsWith('VALUE')) continue
    const value = damaged(answer.subarray(end + 2, end + 2 + Number(length)), damage)
    const head = Buffer.from(`set ${key} ${flags} 3600 ${value.length}\r\n`)
    await talk(port, Buffer.concat([head, value, Buffer.from('\r\n')]))
  }
}

async function talk(port: number, text: string | Buffer): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.write(text)
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    if (/(?:END|STORED|ERROR[^\r]*)\r\n$/.test(Buffer.concat(chunks).toString('latin1'))) socket.end()
  })
  await once(socket, 'close')
  return Buffer.concat(chunks)
}

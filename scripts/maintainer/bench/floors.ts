import { createCipheriv, createDecipheriv, createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Context, Middleware } from 'koa'
import sqlite3 from 'sqlite3'

/** The media of the hand-written middleware. */
export const FLOORS = ['memory', 'sealed', 'django', 'redis', 'sqlite', 'file'] as const

export type Floor = (typeof FLOORS)[number]

/** A session as the hand-written middleware has it. */
export interface FloorSession {
  data: Record<string, unknown>
}

/** Where it keeps the text of sessions: for a cookie, `save` returns the next one. */
interface Medium {
  load(cookie: string): Promise<string | undefined> | string | undefined
  save(cookie: string | undefined, text: string): Promise<string> | string
}

/** Options for {@link floorSessions}. */
export interface FloorOptions {
  readonly secret: string
  /** Of Redis. */
  readonly url?: string | undefined
  readonly folder: string
}

/**
 * Sessions as somebody would write them by hand for one page: with the same cryptography, input and output as the engine,
 * and without its guarantees. Nothing can do the same work for much less.
 */
export function floorSessions(floor: Floor, options: FloorOptions): Middleware {
  const medium = MEDIA[floor](options)
  return async function floorSession(ctx, next) {
    let found: { session: FloorSession; cookie: string | undefined; before: string } | undefined
    const load = async () => {
      const cookie = /(?:^|; )sessionid=([^;]*)/.exec(ctx.req.headers.cookie ?? '')?.[1]
      const text = cookie === undefined ? undefined : await medium.load(cookie)
      const data = text === undefined ? {} : (JSON.parse(text) as Record<string, unknown>)
      return { session: { data }, cookie: text === undefined ? undefined : cookie, before: text ?? '{}' }
    }
    ctx['floorSession'] = async () => {
      found = await load()
      return found.session
    }
    await next()
    if (found === undefined) return
    ctx.vary('Cookie')
    ctx.set('Cache-Control', 'private, no-store')
    const text = JSON.stringify(found.session.data)
    if (text === found.before) return
    const cookie = await medium.save(found.cookie, text)
    if (cookie !== found.cookie) ctx.set('Set-Cookie', `sessionid=${cookie}; path=/; httponly; samesite=lax`)
  }
}

/** The session of a page under {@link floorSessions}. */
export async function floorSession(ctx: Context): Promise<FloorSession> {
  return (await (ctx['floorSession'] as () => Promise<FloorSession>)()) as FloorSession
}

const MEDIA: Readonly<Record<Floor, (options: FloorOptions) => Medium>> = {
  memory({ secret }) {
    const records = new Map<string, Buffer>()
    return sealedUnderKeys(secret, {
      load: (name) => records.get(name),
      save: (name, box) => void records.set(name, box),
    })
  },
  sealed({ secret }) {
    const keyOf = (salt: Buffer) => createHmac('sha256', secret).update(salt).digest()
    return {
      load(cookie) {
        const bytes = Buffer.from(cookie, 'base64url')
        return unseal(keyOf(bytes.subarray(0, 12)), bytes.subarray(12))
      },
      save(_cookie, text) {
        const salt = randomBytes(12)
        return Buffer.concat([salt, seal(keyOf(salt), Buffer.from(text))]).toString('base64url')
      },
    }
  },
  django({ secret }) {
    const key = hash('sha256', `django${secret}`, 'buffer')
    const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url')
    return {
      load(cookie) {
        const at = cookie.lastIndexOf(':')
        const signed = cookie.slice(0, at)
        if (!timingSafeEqual(Buffer.from(cookie.slice(at + 1)), Buffer.from(sign(signed)))) return undefined
        return Buffer.from(signed.slice(0, signed.indexOf(':')), 'base64url').toString()
      },
      save(_cookie, text) {
        const signed = `${Buffer.from(text).toString('base64url')}:${Date.now().toString(36)}`
        return `${signed}:${sign(signed)}`
      },
    }
  },
  redis({ secret, url = '' }) {
    const send = redisClient(url)
    const prefix = `floor:${randomBytes(6).toString('hex')}:`
    const swap =
      "if redis.call('EXISTS', KEYS[1]) == 0 and ARGV[2] == '1' then return 0 end redis.call('SET', KEYS[1], ARGV[1], 'PX', 1209600000) return 1"
    return sealedUnderKeys(secret, {
      load: async (name) => (await send(['GET', prefix + name])) ?? undefined,
      save: async (name, box, isNew) => void (await send(['EVAL', swap, '1', prefix + name, box, isNew ? '0' : '1'])),
    })
  },
  sqlite({ secret, folder }) {
    const database = new sqlite3.Database(join(folder, 'floor.sqlite3'))
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE floor (name TEXT PRIMARY KEY, data TEXT, version INT)',
    )
    const prepared = (sql: string) => {
      let statement: sqlite3.Statement | undefined
      return (...values: string[]) =>
        new Promise<{ data: string } | undefined>((resolve, reject) => {
          statement ??= database.prepare(sql)
          statement.get(...values, (error: Error | null, row: { data: string } | undefined) =>
            error === null ? resolve(row) : reject(error),
          )
        })
    }
    const select = prepared('SELECT data FROM floor WHERE name = ?')
    const create = prepared('INSERT INTO floor VALUES (?, ?, 1)')
    const update = prepared('UPDATE floor SET data = ?, version = version + 1 WHERE name = ?')
    return sealedUnderKeys(secret, {
      async load(name) {
        const row = await select(name)
        return row && Buffer.from(row.data, 'base64url')
      },
      async save(name, box, isNew) {
        const data = box.toString('base64url')
        await (isNew ? create(name, data) : update(data, name))
      },
    })
  },
  file({ secret, folder }) {
    const root = join(folder, 'floor-files')
    mkdirSync(root, { recursive: true })
    return sealedUnderKeys(secret, {
      load: (name) => readFile(join(root, name)).catch(() => undefined),
      async save(name, box) {
        const temporary = join(root, `${name}.${randomBytes(6).toString('hex')}`)
        await writeFile(temporary, box)
        await rename(temporary, join(root, name))
      },
    })
  },
}

/** Records that are encrypted under a key of their own, and stored under a hash of what the cookie has. */
function sealedUnderKeys(
  secret: string,
  records: {
    load(name: string): Promise<Buffer | undefined> | Buffer | undefined
    save(name: string, box: Buffer, isNew: boolean): Promise<void> | void
  },
): Medium {
  // Of a few hundred sessions; the engine keeps a limited number of them.
  const known = new Map<string, { name: string; key: Buffer }>()
  const of = (cookie: string) => {
    const held = known.get(cookie)
    if (held !== undefined) return held
    const made = {
      name: hash('sha256', cookie, 'base64url'),
      key: createHmac('sha256', secret).update(cookie).digest(),
    }
    known.set(cookie, made)
    return made
  }
  return {
    async load(cookie) {
      const { name, key } = of(cookie)
      const box = await records.load(name)
      return box && unseal(key, box)
    },
    async save(given, text) {
      const cookie = given ?? randomBytes(16).toString('hex')
      const { name, key } = of(cookie)
      await records.save(name, seal(key, Buffer.from(text)), given === undefined)
      return cookie
    },
  }
}

function seal(key: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const sealed = cipher.update(plain)
  cipher.final()
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
}

function unseal(key: Buffer, box: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, 12), { authTagLength: 16 })
  decipher.setAuthTag(box.subarray(12, 28))
  const plain = decipher.update(box.subarray(28))
  decipher.final()
  return plain.toString()
}

/** A connection that sends the commands of one turn together, and understands the few answers that are asked for. */
function redisClient(url: string): (args: (string | Buffer)[]) => Promise<Buffer | null> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname).setNoDelay()
  const waiting: ((answer: Buffer | null) => void)[] = []
  let unsent: (string | Buffer)[] = []
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n', at)) {
      const length = rest[at] === 36 ? Number(rest.toString('latin1', at + 1, end)) : -1
      if (length >= 0 && rest.length < end + length + 4) break
      waiting.shift()?.(length < 0 ? null : rest.subarray(end + 2, end + 2 + length))
      at = length < 0 ? end + 2 : end + length + 4
    }
    rest = rest.subarray(at)
  })
  return (args) =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (unsent.length === 0) {
        setImmediate(() => {
          socket.cork()
          for (const part of unsent) socket.write(part)
          socket.uncork()
          unsent = []
        })
      }
      let text = `*${args.length}\r\n`
      for (const arg of args) {
        text += `$${Buffer.byteLength(arg)}\r\n`
        if (typeof arg === 'string') text += `${arg}\r\n`
        else {
          unsent.push(text, arg)
          text = '\r\n'
        }
      }
      unsent.push(text)
    })
}

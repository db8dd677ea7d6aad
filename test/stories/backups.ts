import { cp, rm } from 'node:fs/promises'
import type { Knex } from 'knex'
import { createClient } from 'redis'
import type { Services } from '../../src/services.ts'
import { unique } from './support.ts'

/** Takes a backup of whatever holds sessions or their endings, and returns what puts it back while the application runs. */
export async function backUp(services: Services): Promise<() => Promise<void>> {
  const { engine, filePath, table } = services.config.session
  if (engine === 'file') return await backUpFiles(filePath)
  if (engine === 'cache') return await backUpRedis(services.config.cache)
  return await backUpTables(services.knex, [table, 'session_revocations'])
}

async function backUpTables(knex: Knex, tables: readonly string[]): Promise<() => Promise<void>> {
  const kept = await Promise.all(tables.map(async (table) => ({ table, rows: await knex(table).select<object[]>() })))
  return async () => {
    await knex.transaction(async (trx) => {
      for (const { table, rows } of kept) {
        await trx(table).delete()
        if (rows.length > 0) await trx.batchInsert(table, rows, 50)
      }
    })
  }
}

async function backUpFiles(folder: string): Promise<() => Promise<void>> {
  const copy = `${folder}-${unique()}`
  await cp(folder, copy, { recursive: true })
  return async () => {
    await rm(folder, { recursive: true })
    await cp(copy, folder, { recursive: true })
    await rm(copy, { recursive: true })
  }
}

async function backUpRedis({ url, prefix }: { url: string; prefix: string }): Promise<() => Promise<void>> {
  const redis = await createClient({ url }).connect()
  const aside = `backup-${unique()}:`
  for (const key of await redis.keys(`${prefix}:*`)) await redis.copy(key, aside + key)
  return async () => {
    for (const key of await redis.keys(`${prefix}:*`)) await redis.del(key)
    for (const key of await redis.keys(`${aside}*`)) await redis.rename(key, key.slice(aside.length))
    redis.destroy()
  }
}

import { plainJson, type SessionData } from '../../core/data.ts'
import { newSessionId } from '../../core/key.ts'
import { hasRecord } from '../records.ts'
import type { StoredEngine } from '../stored.ts'
import type { Migratable } from './migratable.ts'

/** Migration to and from records of a store. */
export function storedMigration(engine: StoredEngine): Migratable {
  const { records, codec } = engine
  return {
    engine,
    keepsKeys: true,
    needsMark: true,
    async adopt(commit) {
      const { loaded, write, client } = commit
      if (write === 'cycle' || loaded.key === null) return await engine.commit({ ...commit, write: 'create' })
      const { createdAt, json } = loaded
      const about = { id: loaded.id ?? commit.id ?? newSessionId(), createdAt, client, json }
      const adopted = await records.createAs(loaded.key, plainJson(commit.data) as SessionData, about)
      return { outcome: 'saved', loaded: adopted, cookie: adopted.key, replayed: false }
    },
    async leave(loaded, { until } = {}) {
      if (!hasRecord(loaded)) return 'missing'
      if (until === undefined) return await records.delete(loaded, 'cycle')
      const { expires, lastActivity } = loaded
      return await records.setTimes(loaded, { expires: Math.min(expires, until), lastActivity })
    },
    async claim(loaded, mark) {
      return hasRecord(loaded) ? await records.replace(loaded, mark, loaded.expires) : 'missing'
    },
    async claimed(key) {
      return (await records.read(codec.storeKey(key)))?.data
    },
    async end(loaded, trace) {
      return await engine.end({ ...loaded, key: trace ?? loaded.key })
    },
  }
}

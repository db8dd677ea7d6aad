import type { EngineSetUps } from '../set-ups.ts'

const env = { SESSION_ENGINE: 'cached_db' }

export default { local: [{ name: 'cached_db', env, oneProcess: true }], onCache: env } satisfies EngineSetUps

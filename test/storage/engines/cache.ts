import type { EngineSetUps } from '../set-ups.ts'

const env = { SESSION_ENGINE: 'cache' }

export default { local: [{ name: 'cache', env, oneProcess: true }], onCache: env } satisfies EngineSetUps

import type { EngineSetUps } from '../set-ups.ts'

export default {
  local: [{ name: 'db', env: { SESSION_ENGINE: 'db' } }],
  onDatabase: { SESSION_ENGINE: 'db' },
} satisfies EngineSetUps

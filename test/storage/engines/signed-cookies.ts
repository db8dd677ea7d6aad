import type { EngineSetUps } from '../set-ups.ts'

export default {
  local: [{ name: 'signed_cookies', env: { SESSION_ENGINE: 'signed_cookies' } }],
} satisfies EngineSetUps

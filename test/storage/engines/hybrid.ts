import type { EngineSetUps } from '../set-ups.ts'

export default {
  local: [
    { name: 'hybrid', env: { SESSION_ENGINE: 'hybrid' } },
    { name: 'hybrid, in its record', env: { SESSION_ENGINE: 'hybrid', SESSION_HYBRID_LIMIT: '256' }, large: true },
  ],
} satisfies EngineSetUps

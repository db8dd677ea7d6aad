import type { EngineSetUps } from '../set-ups.ts'

const SESSION_FORMAT = 'django'

export default {
  local: [
    { name: 'db, django', env: { SESSION_ENGINE: 'db', SESSION_FORMAT } },
    { name: 'file, django', env: { SESSION_ENGINE: 'file', SESSION_FORMAT } },
    { name: 'signed_cookies, django', env: { SESSION_ENGINE: 'signed_cookies', SESSION_FORMAT } },
  ],
} satisfies EngineSetUps

import { rollingMove } from '../support/rolling-moves.ts'

for (const move of [
  { from: 'db,sealed', to: 'cached_db,sealed', database: 'SQLite' },
  { from: 'db,sealed', to: 'db,django' },
  { from: 'db,sealed', to: 'file,sealed' },
  { from: 'signed_cookies,sealed', to: 'signed_cookies,sealed', database: 'SQLite' },
  { from: 'signed_cookies,sealed', to: 'db,sealed' },
  { from: 'db,sealed', to: 'signed_cookies,sealed' },
] as const)
  rollingMove(move)

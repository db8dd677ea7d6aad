import { rollingMove } from '../support/rolling-moves.ts'

rollingMove({ from: 'db,sealed', to: 'db,sealed', database: 'PostgreSQL' })
rollingMove({ from: 'hybrid,sealed', to: 'db,sealed', database: 'PostgreSQL' })

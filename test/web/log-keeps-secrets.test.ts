import { revealsNothing } from '../support/revealing-log.ts'

revealsNothing('SQLite')
// Keys and data are in its tables as they are.
revealsNothing('SQLite', { SESSION_FORMAT: 'django' })

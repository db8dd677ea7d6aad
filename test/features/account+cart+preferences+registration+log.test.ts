import { revealsNothing } from '../support/revealing-log.account+cart+preferences+registration.ts'

revealsNothing('SQLite')
// Keys and data are in its tables as they are.
revealsNothing('SQLite', { SESSION_FORMAT: 'django' })

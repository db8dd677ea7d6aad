import { has } from '../storage/present.ts'
import { revealsNothing } from '../support/revealing-log.ts'

revealsNothing('SQLite')
// Keys and data are in its tables as they are.
if (has('django')) revealsNothing('SQLite', { SESSION_FORMAT: 'django' })

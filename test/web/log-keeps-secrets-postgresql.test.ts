import { has } from '../storage/present.ts'
import { revealsNothing } from '../support/revealing-log.ts'

revealsNothing('PostgreSQL')
if (has('django')) revealsNothing('PostgreSQL', { SESSION_FORMAT: 'django' })

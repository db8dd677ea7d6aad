import { revealsNothing } from '../support/revealing-log.ts'

revealsNothing('PostgreSQL')
revealsNothing('PostgreSQL', { SESSION_FORMAT: 'django' })

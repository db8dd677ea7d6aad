import { revealsNothing } from '../support/revealing-log.account+cart+preferences+registration.ts'

revealsNothing('PostgreSQL')
revealsNothing('PostgreSQL', { SESSION_FORMAT: 'django' })

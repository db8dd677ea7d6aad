import { revealsNothing } from '../support/revealing-log.account+cart+preferences+registration.ts'

revealsNothing('MariaDB')
revealsNothing('MariaDB', { SESSION_FORMAT: 'django' })

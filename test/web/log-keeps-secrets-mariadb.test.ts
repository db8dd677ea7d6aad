import { revealsNothing } from '../support/revealing-log.ts'

revealsNothing('MariaDB')
revealsNothing('MariaDB', { SESSION_FORMAT: 'django' })

import { has } from '../storage/present.ts'
import { revealsNothing } from '../support/revealing-log.ts'

revealsNothing('MariaDB')
if (has('django')) revealsNothing('MariaDB', { SESSION_FORMAT: 'django' })

import { testDatabase } from '../../support/databases.ts'
import { djangoTableSuite } from './django-table-suite.ts'

const database = testDatabase('MariaDB')
if (database !== undefined) djangoTableSuite(database)

import { testDatabase } from '../../support/databases.ts'
import { djangoTableSuite } from './django-table-suite.ts'

const database = testDatabase('SQLite')
if (database !== undefined) djangoTableSuite(database)

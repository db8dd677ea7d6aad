import { testDatabase } from '../../support/databases.ts'
import { djangoTableSuite } from './django-table-suite.ts'

const database = testDatabase('PostgreSQL')
if (database !== undefined) djangoTableSuite(database)

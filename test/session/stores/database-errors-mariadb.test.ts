import { testDatabase } from '../../support/databases.ts'
import { databaseErrorsSuite } from './database-errors-suite.ts'

const database = testDatabase('MariaDB')
if (database !== undefined) databaseErrorsSuite(database)

import { testDatabase } from '../../support/databases.ts'
import { databaseErrorsSuite } from './database-errors-suite.ts'

const database = testDatabase('PostgreSQL')
if (database !== undefined) databaseErrorsSuite(database)

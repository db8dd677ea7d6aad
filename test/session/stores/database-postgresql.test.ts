import { testDatabase } from '../../support/databases.ts'
import { databaseSuite } from './database-suite.ts'

const database = testDatabase('PostgreSQL')
if (database !== undefined) databaseSuite(database)

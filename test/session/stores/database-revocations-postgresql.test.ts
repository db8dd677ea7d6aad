import { testDatabase } from '../../support/databases.ts'
import { databaseRevocationsSuite } from './revocations-suite.ts'

const database = testDatabase('PostgreSQL')
if (database !== undefined) databaseRevocationsSuite(database)

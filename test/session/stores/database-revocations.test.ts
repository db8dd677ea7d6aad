import { testDatabase } from '../../support/databases.ts'
import { databaseRevocationsSuite, memoryRevocationsSuite } from './revocations-suite.ts'

memoryRevocationsSuite()
const database = testDatabase('SQLite')
if (database !== undefined) databaseRevocationsSuite(database)

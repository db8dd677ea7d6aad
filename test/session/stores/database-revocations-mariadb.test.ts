import { testDatabase } from '../../support/databases.ts'
import { databaseRevocationsSuite } from './revocations-suite.ts'

const database = testDatabase('MariaDB')
if (database !== undefined) databaseRevocationsSuite(database)

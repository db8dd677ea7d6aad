import { testDatabase } from '../../support/databases.ts'
import { fuzzDatabase } from './databases.ts'

const database = testDatabase('PostgreSQL')
if (database !== undefined) fuzzDatabase(database)

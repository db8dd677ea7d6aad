import { has } from '../storage/present.ts'
import { testDatabase } from '../support/databases.ts'
import { frozenDatabaseSuite } from '../support/frozen-database.ts'

const database = testDatabase('PostgreSQL')
if (database !== undefined && has('db')) frozenDatabaseSuite(database)

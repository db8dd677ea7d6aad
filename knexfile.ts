import { databaseConfig } from './src/database.ts'
import { DEFAULT_DATABASE_URL } from './src/database-address.ts'

export default databaseConfig(process.env['DATABASE_URL'] || DEFAULT_DATABASE_URL)

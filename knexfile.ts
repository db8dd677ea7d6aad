import { databaseConfig } from './src/database.ts'

export default databaseConfig(process.env['DATABASE_URL'] || 'sqlite:./data/app.sqlite3')

import { databaseCommands } from './sessions-databases.ts'

databaseCommands('PostgreSQL')

import { databaseCommands } from './sessions-databases.ts'

databaseCommands('MariaDB')

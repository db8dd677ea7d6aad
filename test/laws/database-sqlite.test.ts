import { databaseLaws } from './databases.ts'

databaseLaws('SQLite')

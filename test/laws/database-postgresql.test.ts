import { databaseLaws } from './databases.ts'

databaseLaws('PostgreSQL')

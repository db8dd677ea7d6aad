import { databaseLaws } from './databases.ts'

databaseLaws('MariaDB')

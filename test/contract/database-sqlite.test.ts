import { OWN } from '../storage/layouts.ts'
import { databaseContract } from './databases.ts'
import { sealed } from './sealed.ts'

databaseContract('SQLite', OWN, {}, () => sealed)

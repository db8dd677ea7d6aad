import { OWN } from '../storage/layouts.ts'
import { databaseLaws } from './databases.ts'
import { sealed } from './sealed.ts'

databaseLaws('PostgreSQL', OWN, {}, () => sealed)

import { databaseLaws } from './databases.ts'
import { sealed } from './sealed.ts'

databaseLaws('SQLite', 'own', {}, () => sealed)

import { evictions } from './evictions.ts'
import { LOCAL } from './set-ups.ts'

evictions(LOCAL)

import '../../src/storage/engines/cache.ts'
import { LOCAL } from '../storage/set-ups.ts'
import { evictions } from './evictions.ts'

evictions(LOCAL)

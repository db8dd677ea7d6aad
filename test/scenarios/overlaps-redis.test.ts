import redis from '../../src/storage/caches/redis.ts'
import { onCache } from '../storage/set-ups.ts'
import { overlappingChanges } from './changes.ts'
import { clocksAndSignOuts, clocksApart, overlapsOfClocks } from './clocks.ts'
import { droppedSlices } from './dropped.ts'
import { endings } from './endings.ts'
import { evictions } from './evictions.ts'
import { keyChanges } from './keys.ts'
import { restoredBackups } from './restored.ts'
import { scenariosOn } from './support.ts'

const engines = onCache(redis)
const scenario = scenariosOn(engines)
overlappingChanges(scenario)
endings(scenario)
keyChanges(scenario)
clocksApart(scenario)
overlapsOfClocks(scenario)
clocksAndSignOuts(scenario)
droppedSlices(scenario)
evictions(engines)
restoredBackups(scenario)

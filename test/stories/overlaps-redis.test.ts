import redis from '../../src/storage/caches/redis.ts'
import { onCache } from '../storage/set-ups.ts'
import { overlappingChanges } from './changes.ts'
import { clocksAndSignOuts, clocksApart, overlapsOfClocks } from './clocks.ts'
import { droppedSlices } from './dropped.ts'
import { endings } from './endings.ts'
import { evictions } from './evictions.ts'
import { keyChanges } from './keys.ts'
import { restoredBackups } from './restored.ts'
import { storiesOn } from './support.ts'

const engines = onCache(redis)
const tell = storiesOn(engines)
overlappingChanges(tell)
endings(tell)
keyChanges(tell)
clocksApart(tell)
overlapsOfClocks(tell)
clocksAndSignOuts(tell)
droppedSlices(tell)
evictions(engines)
restoredBackups(tell)

import memcached from '../../src/storage/caches/memcached.ts'
import { onCache } from '../storage/set-ups.ts'
import { overlappingChanges } from './changes.ts'
import { clocksApart, overlapsOfClocks } from './clocks.ts'
import { droppedSlices } from './dropped.ts'
import { endings } from './endings.ts'
import { evictions } from './evictions.ts'
import { keyChanges } from './keys.ts'
import { restoredBackups } from './restored.ts'
import { storiesOn } from './support.ts'

const engines = onCache(memcached)
const tell = storiesOn(engines)
overlappingChanges(tell)
endings(tell)
keyChanges(tell)
clocksApart(tell)
overlapsOfClocks(tell)
droppedSlices(tell)
evictions(engines)
// Memcached has no backups, but a database behind it has.
restoredBackups(storiesOn(engines.filter(({ env }) => env['SESSION_ENGINE'] === 'cached_db')))

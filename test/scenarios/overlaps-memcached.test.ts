import memcached from '../../src/storage/caches/memcached.ts'
import { onCache } from '../storage/set-ups.ts'
import { overlappingChanges } from './changes.ts'
import { clocksApart, overlapsOfClocks } from './clocks.ts'
import { droppedSlices } from './dropped.ts'
import { endings } from './endings.ts'
import { evictions } from './evictions.ts'
import { keyChanges } from './keys.ts'
import { restoredBackups } from './restored.ts'
import { scenariosOn } from './support.ts'

const engines = onCache(memcached)
const scenario = scenariosOn(engines)
overlappingChanges(scenario)
endings(scenario)
keyChanges(scenario)
clocksApart(scenario)
overlapsOfClocks(scenario)
droppedSlices(scenario)
evictions(engines)
// Memcached has no backups, but a database behind it has.
restoredBackups(scenariosOn(engines.filter(({ env }) => env['SESSION_ENGINE'] === 'cached_db')))

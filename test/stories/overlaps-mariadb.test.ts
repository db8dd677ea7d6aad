import { onDatabase } from '../storage/set-ups.ts'
import { overlappingChanges } from './changes.ts'
import { clocksAndSignOuts, clocksApart, overlapsOfClocks } from './clocks.ts'
import { droppedSlices } from './dropped.ts'
import { endings } from './endings.ts'
import { keyChanges } from './keys.ts'
import { restoredBackups } from './restored.ts'
import { storiesOn } from './support.ts'

const tell = storiesOn(onDatabase('MariaDB'))
overlappingChanges(tell)
endings(tell)
keyChanges(tell)
clocksApart(tell)
overlapsOfClocks(tell)
clocksAndSignOuts(tell)
droppedSlices(tell)
restoredBackups(tell)

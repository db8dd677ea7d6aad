import { overlappingChanges } from './changes.ts'
import { endings } from './endings.ts'
import { keyChanges } from './keys.ts'
import { onCache } from './set-ups.ts'
import { storiesOn } from './support.ts'

const tell = storiesOn(onCache('memcached'))
overlappingChanges(tell)
endings(tell)
keyChanges(tell)

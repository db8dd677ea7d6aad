import { overlappingChanges } from './changes.ts'
import { endings } from './endings.ts'
import { onCache } from './engines.ts'
import { keyChanges } from './keys.ts'
import { storiesOn } from './support.ts'

const tell = storiesOn(onCache('memcached'))
overlappingChanges(tell)
endings(tell)
keyChanges(tell)

import { overlappingChanges } from './changes.ts'
import { endings } from './endings.ts'
import { onDatabase } from './engines.ts'
import { keyChanges } from './keys.ts'
import { storiesOn } from './support.ts'

const tell = storiesOn(onDatabase('MariaDB'))
overlappingChanges(tell)
endings(tell)
keyChanges(tell)

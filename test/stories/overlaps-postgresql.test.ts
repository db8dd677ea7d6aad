import { overlappingChanges } from './changes.ts'
import { endings } from './endings.ts'
import { keyChanges } from './keys.ts'
import { onDatabase } from './set-ups.ts'
import { storiesOn } from './support.ts'

const tell = storiesOn(onDatabase('PostgreSQL'))
overlappingChanges(tell)
endings(tell)
keyChanges(tell)

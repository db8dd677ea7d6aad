import { keyChanges } from './keys.ts'
import { LOCAL } from './set-ups.ts'
import { storiesOn } from './support.ts'

keyChanges(storiesOn(LOCAL))

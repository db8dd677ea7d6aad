import { LOCAL } from './engines.ts'
import { keyChanges } from './keys.ts'
import { storiesOn } from './support.ts'

keyChanges(storiesOn(LOCAL))

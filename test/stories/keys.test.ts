import { LOCAL } from '../storage/set-ups.ts'
import { keyChanges } from './keys.ts'
import { storiesOn } from './support.ts'

keyChanges(storiesOn(LOCAL))

import { LOCAL } from '../storage/set-ups.ts'
import { keyChanges } from './keys.ts'
import { scenariosOn } from './support.ts'

keyChanges(scenariosOn(LOCAL))

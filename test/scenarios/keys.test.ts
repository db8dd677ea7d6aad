import { LOCAL_KINDS } from '../storage/set-ups.ts'
import { keyChanges } from './keys.ts'
import { scenariosOn } from './support.ts'

keyChanges(scenariosOn(LOCAL_KINDS))

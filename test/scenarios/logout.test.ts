import { LOCAL_KINDS } from '../storage/set-ups.ts'
import { endings } from './endings.ts'
import { scenariosOn } from './support.ts'

endings(scenariosOn(LOCAL_KINDS))

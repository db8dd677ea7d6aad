import { LOCAL } from '../storage/set-ups.ts'
import { endings } from './endings.ts'
import { storiesOn } from './support.ts'

endings(storiesOn(LOCAL))

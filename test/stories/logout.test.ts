import { endings } from './endings.ts'
import { LOCAL } from './set-ups.ts'
import { storiesOn } from './support.ts'

endings(storiesOn(LOCAL))

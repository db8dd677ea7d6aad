import { endings } from './endings.ts'
import { LOCAL } from './engines.ts'
import { storiesOn } from './support.ts'

endings(storiesOn(LOCAL))

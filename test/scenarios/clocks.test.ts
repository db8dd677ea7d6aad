import { LOCAL_ENGINES } from '../storage/set-ups.ts'
import { clockOnceAhead, clocksAndSignOuts, clocksApart, overlapsOfClocks } from './clocks.ts'
import { scenariosOn } from './support.ts'

const scenario = scenariosOn(LOCAL_ENGINES)
clocksApart(scenario)
overlapsOfClocks(scenario)
clockOnceAhead(scenario)
// Files do not have the user of a session, nor does Django's table.
const CANNOT = ['db, django', 'file', 'file, django']
clocksAndSignOuts(scenariosOn(LOCAL_ENGINES.filter(({ name }) => !CANNOT.includes(name))))

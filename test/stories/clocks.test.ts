import { LOCAL } from '../storage/set-ups.ts'
import { clockOnceAhead, clocksAndSignOuts, clocksApart, overlapsOfClocks } from './clocks.ts'
import { storiesOn } from './support.ts'

const tell = storiesOn(LOCAL)
clocksApart(tell)
overlapsOfClocks(tell)
clockOnceAhead(tell)
// Files tell of no user, and nor does Django's table.
const CANNOT = ['db, django', 'file', 'file, django']
clocksAndSignOuts(storiesOn(LOCAL.filter(({ name }) => !CANNOT.includes(name))))

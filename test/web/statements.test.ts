import test from 'ava'
import { has } from '../storage/present.ts'
import { appWithNotes, note, notesOf } from '../support/notes-steps.ts'
import { statementCounter } from '../support/statements.ts'

const onTable = has('db', 'sealed') ? test : test.skip
onTable(
  'on the running application a read is one statement, a change one more, and an anonymous visit none',
  async (t) => {
    const app = await appWithNotes(t)
    const counted = await statementCounter(app.services.knex, app.services.sessionKnex)
    const browser = app.browser()
    t.is(await counted(() => notesOf(browser)), 0, 'a stranger is looked at')
    t.is(await counted(() => note(browser, 'milk')), 1, 'a session begins')
    t.is(await counted(() => notesOf(browser)), 1, 'it is read')
    t.is(await counted(() => note(browser, 'milk')), 2, 'it is changed')
    t.is(await counted(() => note(browser, 'no name')), 1, 'a refused change')
  },
)

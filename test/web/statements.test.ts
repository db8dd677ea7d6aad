import test from 'ava'
import { choose, themeOf } from '../features/preferences/steps.ts'
import { has } from '../storage/present.ts'
import { startApp } from '../support/app.ts'
import { statementCounter } from '../support/statements.ts'

const onTable = has('db', 'sealed') ? test : test.skip
onTable(
  'on the running application a read is one statement, a change one more, and an anonymous visit none',
  async (t) => {
    const app = await startApp()
    t.teardown(() => app.close())
    const counted = await statementCounter(app.services.knex, app.services.sessionKnex)
    const browser = app.browser()
    const change = (value: string) => choose(browser, 'theme', value)
    t.is(await counted(() => themeOf(browser)), 0, 'a stranger is looked at')
    t.is(await counted(() => change('dark')), 1, 'a session begins')
    t.is(await counted(() => themeOf(browser)), 1, 'it is read')
    t.is(await counted(() => change('light')), 2, 'it is changed')
    t.is(await counted(() => choose(browser, 'theme', 'neon')), 1, 'a refused change')
  },
)

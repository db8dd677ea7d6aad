import test from 'ava'
import { startApp } from '../support/app.ts'
import { statementCounter } from '../support/statements.ts'

test('on the running application a read is one statement, a change one more, and a stranger none', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const counted = await statementCounter(app.services.knex, app.services.sessionKnex)
  const browser = app.browser()
  const change = (value: string) => browser.json('POST', '/preferences', { key: 'theme', value })
  t.is(await counted(() => browser.json('GET', '/preferences')), 0, 'a stranger is looked at')
  t.is(await counted(() => change('dark')), 1, 'a session begins')
  t.is(await counted(() => browser.json('GET', '/preferences')), 1, 'it is read')
  t.is(await counted(() => change('light')), 2, 'it is changed')
  t.is(
    await counted(() => browser.json('POST', '/preferences', { key: 'theme', value: 'neon' })),
    1,
    'a refused change',
  )
})

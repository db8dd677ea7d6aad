import test from 'ava'
import { startApp, type TestApp } from '../support/app.ts'
import { examplePath, unchangingForms } from '../support/routes.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

const stored = async () => Number((await app.services.sessionKnex('sessions').count({ count: '*' }))[0]?.['count'])

test('an empty form of a stranger, on any route, stores nothing and sets no cookie (ASVS 7.6.2)', async (t) => {
  const routes = app.routes.filter(({ method }) => method === 'POST')
  t.true(routes.length > 0)
  for (const { path } of routes) {
    const form = await app.browser().post(examplePath(path))
    t.deepEqual(form.headers.getSetCookie(), [], `${path} as a form, ${form.status}`)
    const json = await app.browser().json('POST', examplePath(path), {})
    t.deepEqual(json.headers.getSetCookie(), [], `${path} as JSON, ${json.status}`)
  }
  t.is(await stored(), 0)
})

test('a form of a stranger that says what is so already stores nothing and sets no cookie', async (t) => {
  const forms = await unchangingForms()
  for (const { path, form } of forms) {
    const answer = await app.browser().post(path, form, { 'accept-language': 'en' })
    t.true(answer.status < 500)
    t.deepEqual(answer.headers.getSetCookie(), [], `${path} ${JSON.stringify(form)}`)
  }
  t.is(await stored(), 0)
  t.pass()
})

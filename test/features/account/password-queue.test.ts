import test from 'ava'
import { startApp } from '../../support/app.ts'
import { isSignedIn, signIn } from './steps.ts'
import { addUsers, withStatus } from './throttle-suite.ts'

const SIGN_INS = 200

test('200 sign-ins at once keep no signed-in visitor waiting; what is too much is a 503', async (t) => {
  const app = await startApp({ PASSWORD_QUEUE: '20' })
  t.teardown(() => app.close())
  await addUsers(app, SIGN_INS)
  const visitor = app.browser()
  await signIn(visitor, 'ada')
  const loadPage = async () => {
    const start = performance.now()
    t.is((await visitor.get('/account')).status, 200)
    return performance.now() - start
  }
  const idle: number[] = []
  for (let n = 0; n < 60; n++) idle.push(await loadPage())

  const browsers = Array.from({ length: SIGN_INS }, () => app.browser())
  let done = false
  const signIns = Promise.all(
    browsers.map((browser, n) => browser.post('/login', { username: `user-${n}`, password: 'a good passphrase' })),
  ).finally(() => {
    done = true
  })
  const busy: number[] = []
  while (!done) busy.push(await loadPage())
  const answers = await signIns
  const ratio = median(busy) / median(idle)
  t.log(
    `${median(idle).toFixed(1)} ms idle, ${median(busy).toFixed(1)} ms busy (${busy.length} pages, max ${Math.max(...busy).toFixed(0)} ms), ${withStatus(answers, 303).length} signed in`,
  )

  const refused = withStatus(answers, 503)
  t.is(withStatus(answers, 303).length + refused.length, SIGN_INS)
  t.true(refused.length > 0 && withStatus(answers, 303).length >= 20)
  t.true(refused.every(({ headers }) => Number(headers.get('retry-after')) > 0))
  t.true(refused.every(({ headers }) => headers.getSetCookie().length === 0))
  for (const [n, { status }] of answers.entries()) {
    const browser = browsers[n]
    if (status === 303 && browser !== undefined) t.true(await isSignedIn(browser))
  }
  t.true(ratio < 10, `${ratio} times`)
})

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

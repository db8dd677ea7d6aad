import test from 'ava'
import { startApp } from '../../support/app.ts'
import { isSignedIn, signIn } from './steps.ts'
import { addUsers, guess, withStatus } from './throttle-suite.ts'

const SIGN_INS = 200

test.serial('200 sign-ins at once keep no signed-in visitor waiting; what is too much is a 503', async (t) => {
  const app = await startApp({ PASSWORD_QUEUE: '20', TRUSTED_PROXIES: '1' })
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
  // Before and after, as other programs may begin or end in between.
  const loadIdlePages = async () => {
    for (let n = 0; n < 60; n++) idle.push(await loadPage())
  }
  await loadIdlePages()

  const browsers = Array.from({ length: SIGN_INS }, () => app.browser())
  let done = false
  const signIns = Promise.all(
    browsers.map((browser, n) => guess(browser, `user-${n}`, `192.0.2.${n}`, 'a good passphrase')),
  ).finally(() => {
    done = true
  })
  const busy: number[] = []
  while (!done) busy.push(await loadPage())
  const answers = await signIns
  await loadIdlePages()
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

test.serial('of one network half of the queue waits, and others sign in', async (t) => {
  const app = await startApp({ PASSWORD_QUEUE: '20', TRUSTED_PROXIES: '1' })
  t.teardown(() => app.close())
  // All of one network.
  const attack = Array.from({ length: 100 }, (_, n) =>
    guess(app.browser(), 'grace', `2001:db8::${n}`, 'grace-demo-password'),
  )
  const owner = guess(app.browser(), 'ada', '198.51.100.1', 'ada-demo-password')
  const answers = await Promise.all(attack)
  t.is((await owner).status, 303)
  const refused = withStatus(answers, 429)
  t.true(refused.length > 0 && withStatus(answers, 303).length >= 4)
  t.is(refused.length + withStatus(answers, 303).length, 100)
  t.true(refused.every(({ headers }) => headers.get('retry-after') === '2'))
})

test.serial('whoever has to wait gets the form again, with a message', async (t) => {
  const app = await startApp({ PASSWORD_QUEUE: '1' })
  t.teardown(() => app.close())
  const browser = app.browser()
  await signIn(browser, 'ada')
  const forms = {
    '/account/password': { current: 'wrong', password: 'velvet hammer umbrella', repeat: 'velvet hammer umbrella' },
    '/account/delete': { password: 'wrong' },
  }
  for (const [path, form] of Object.entries(forms)) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.post(path, form)))
    const waiting = withStatus(answers, 503)
    t.true(waiting.length > 0, path)
    for (const { text, headers } of waiting) {
      t.true(Number(headers.get('retry-after')) > 0)
      t.regex(text, new RegExp(`<form[^>]* action="${path}"`))
      t.regex(text, /-error">Too many people are signing in right now\./)
    }
  }
})

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

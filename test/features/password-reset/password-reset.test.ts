import { createHash } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { ResetTokens } from '../../../src/features/password-reset/tokens.ts'
import { limitPasswordQueue } from '../../../src/passwords.ts'
import { testOn } from '../../storage/present.ts'
import { type Answer, startApp, type TestApp } from '../../support/app.ts'
import { changePassword, isSignedIn, signIn } from '../account/steps.ts'
import { smtpServer } from './smtp-server.ts'
import { linksOf, mailedLink, mailsOf, tokenOf } from './steps.ts'

const PAGE = '/password-reset'
const NEW = 'a completely new one'

async function started(t: ExecutionContext, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await startApp({ NODE_ENV: 'development', ...env })
  t.teardown(() => app.close())
  return app
}

const both = (token: string, password = NEW) => ({ token, password, repeat: password })

test('a link that meets another change of the password is not used up', async (t) => {
  const { users, knex } = (await started(t)).services
  const tokens = new ResetTokens(knex, users, 600)
  const grace = await users.byUsername('grace')
  if (grace === undefined) return t.fail()
  const token = await tokens.create(grace)
  await users.changePassword(grace, 'the hash of another password')
  t.is(await tokens.use(token, grace, 'the hash of a third one'), undefined)
  t.is((await knex('password_resets')).length, 1)
})

for (const env of [{}, { SESSION_ENGINE: 'signed_cookies' }]) {
  testOn(env)(
    `${JSON.stringify(env)}: a link by mail, a new password, every session ended and nobody signed in (ASVS 6.4.3, 7.4.3)`,
    async (t) => {
      const app = await started(t, env)
      const resetOf: unknown[] = []
      const { log } = app.services
      log.info = ((details: { userId?: string }, event: string) => {
        if (event === 'password reset') resetOf.push(details.userId)
      }) as typeof log.info
      const [here, there] = [app.browser(), app.browser()]
      await signIn(there, 'grace')
      t.regex((await here.get('/login')).text, /href="\/password-reset"/)
      const sent = await here.post(PAGE, { account: 'GRACE' })
      t.is(sent.status, 200)
      t.regex(sent.text, /role="status">If there is such an account/)
      const link = await mailedLink(here)
      for (let prefetch = 0; prefetch < 3; prefetch++) {
        const page = await here.get(link)
        t.is(page.status, 200)
        t.is(page.headers.get('referrer-policy'), 'strict-origin')
        t.is(page.headers.get('cache-control'), 'no-store')
      }
      t.true(await isSignedIn(there), 'looking changes nothing')
      const done = await here.post(`${PAGE}/new`, both(tokenOf(link)))
      t.deepEqual([done.status, done.headers.get('location')], [303, '/login?new-password'])
      t.deepEqual(resetOf, ['2'])
      t.regex((await here.get('/login?new-password')).text, /Your password has been changed/)
      t.false(await isSignedIn(here))
      t.false(await isSignedIn(there))
      t.is((await signIn(app.browser(), 'grace')).status, 422)
      t.is((await signIn(app.browser(), 'grace', NEW)).status, 303)
      t.is((await here.get(link)).status, 410, 'it works once')
      t.is((await here.json('POST', `${PAGE}/new`, both(tokenOf(link), 'yet another password'))).status, 410)
    },
  )
}

test('known and unknown accounts have the same answer, and an e-mail address does as well (ASVS 6.3.8)', async (t) => {
  const app = await started(t)
  const ask = (account: string) => app.browser().post(PAGE, { account })
  const [known, unknown] = [await ask('ada'), await ask('nobody')]
  const main = ({ text }: Answer) => /<main[\s\S]*<\/main>/.exec(text)?.[0]
  t.is(main(known), main(unknown))
  t.is(known.status, unknown.status)
  await ask('Grace@Example.com')
  const page = app.browser()
  await mailedLink(page, 2)
  t.regex((await page.get('/dev/mail')).text, /grace@example\.com/)
  const answers = [await app.browser().json('POST', PAGE, { account: 'x' }), await ask('')]
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 422],
  )
  for (const account of [['ada'], { $ne: 1 }, 'a\u0000', 'x'.repeat(300), undefined]) {
    t.is((await app.browser().json('POST', PAGE, { account })).status, 422)
  }
})

test('the table has the hash of the newest link alone', async (t) => {
  const app = await started(t)
  const browser = app.browser()
  await browser.post(PAGE, { account: 'grace' })
  const first = await mailedLink(browser)
  await browser.post(PAGE, { account: 'grace' })
  const second = await mailedLink(browser, 2)
  t.not(first, second)
  t.is((await browser.get(first)).status, 410)
  t.is((await browser.get(second)).status, 200)
  const rows = await app.services.knex('password_resets').select()
  t.is(rows.length, 1)
  t.is(rows[0].token_hash, createHash('sha256').update(tokenOf(second)).digest('hex'))
})

test('a link ends with its time, with another password, and with the account (ASVS 6.4.1)', async (t) => {
  const app = await started(t, { PASSWORD_RESET_AGE: '60' })
  const { knex } = app.services
  const browser = app.browser()
  const status = async (link: string) => (await browser.get(link)).status
  await browser.post(PAGE, { account: 'grace' })
  const link = await mailedLink(browser)
  t.is(await status(link), 200)
  await knex('password_resets').update({ created_at: Date.now() - 60_000 })
  t.is(await status(link), 410)
  t.is((await browser.json('POST', `${PAGE}/new`, both(tokenOf(link)))).status, 410)

  await browser.post(PAGE, { account: 'ada' })
  const ada = await mailedLink(browser, 2)
  const other = app.browser()
  await signIn(other, 'ada')
  t.is((await changePassword(other, 'ada-demo-password', NEW)).status, 200)
  t.is(await status(ada), 410)

  await browser.post(PAGE, { account: 'grace' })
  const last = await mailedLink(browser, 3)
  await knex('users').where({ username: 'grace' }).update({ disabled_at: 1 })
  t.is(await status(last), 410)
})

test('a weak password is refused and the link stays; of two uses at once one counts', async (t) => {
  const app = await started(t)
  const browser = app.browser()
  await browser.post(PAGE, { account: 'grace' })
  const token = tokenOf(await mailedLink(browser))
  const weak = await browser.post(`${PAGE}/new`, both(token, 'qwerty123456'))
  t.is(weak.status, 422)
  t.regex(weak.text, /id="password-error"/)
  t.notRegex(weak.text, /qwerty123456/)
  const differ = await browser.json('POST', `${PAGE}/new`, { ...both(token), repeat: 'other' })
  t.deepEqual(differ.json(), { errors: { repeat: 'The passwords do not match.' } })
  const passwords = ['a first long password', 'a second long password']
  const answers = await Promise.all(passwords.map((one) => app.browser().json('POST', `${PAGE}/new`, both(token, one))))
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, 410])
  const won = passwords[answers.findIndex(({ status }) => status === 200)]
  t.is((await signIn(app.browser(), 'grace', won)).status, 303)
  for (const wrong of ['', 'x', ['a'], { $ne: 1 }, 'x'.repeat(43), undefined]) {
    t.is((await browser.json('POST', `${PAGE}/new`, { ...both(''), token: wrong })).status, 410)
  }
})

// Serial: the queue is that of the whole process.
test.serial('a server that is too busy to hash the new password is a 503, and the link stays', async (t) => {
  const app = await started(t)
  const browser = app.browser()
  await browser.post(PAGE, { account: 'grace' })
  const token = tokenOf(await mailedLink(browser))
  limitPasswordQueue(0)
  const busy = await browser.json('POST', `${PAGE}/new`, both(token))
  const page = await browser.post(`${PAGE}/new`, both(token))
  limitPasswordQueue(app.services.config.passwordQueue)
  t.is(busy.status, 503)
  t.is(page.status, 503)
  t.is(page.headers.get('referrer-policy'), 'strict-origin')
  t.regex(page.text, new RegExp(`name="token" value="${token}"[\\s\\S]*id="password-error">Too many people`))
  t.false(page.text.includes(NEW))
  t.is((await browser.json('POST', `${PAGE}/new`, both(token))).status, 200)
  t.is((await signIn(app.browser(), 'grace', NEW)).status, 303)
})

test('mails to one account are limited, and only its owner can see it; the newest link stays valid', async (t) => {
  const app = await started(t)
  const browser = app.browser()
  const ask = async (account: string) => (await app.browser().json('POST', PAGE, { account })).status
  for (const account of ['nobody', 'grace']) {
    for (const spelling of [account, account.toUpperCase(), account]) t.is(await ask(spelling), 200)
  }
  const link = await mailedLink(browser, 3)
  for (const account of ['nobody', 'grace', 'grace@example.com', 'ada']) t.is(await ask(account), 200)
  await mailedLink(browser, 4)
  t.is((await browser.get('/dev/mail')).text.match(/grace@example\.com/g)?.length, 3)
  t.is((await browser.get(link)).status, 200)
})

test('too many requests of one address do not prevent the use of a valid link there', async (t) => {
  const app = await started(t)
  const browser = app.browser()
  await browser.post(PAGE, { account: 'grace' })
  const token = tokenOf(await mailedLink(browser))
  let last = 200
  for (let requests = 1; last === 200 && requests < 50; requests++) {
    last = (await app.browser().json('POST', PAGE, { account: 'nobody' })).status
  }
  t.is(last, 429)
  const refused = await browser.post(PAGE, { account: 'what was typed' })
  t.is(refused.status, 429)
  t.regex(refused.headers.get('retry-after') ?? '', /^\d+$/)
  t.regex(refused.text, /value="what was typed"[\s\S]*id="account-error">Too many attempts/)
  t.is((await browser.json('POST', `${PAGE}/new`, both('x'.repeat(43)))).status, 429)
  t.is((await browser.json('POST', `${PAGE}/new`, both(token))).status, 200)
})

test('a name that only the database takes for that of an account gets no mail', async (t) => {
  const app = await started(t)
  // As if the database ignored accents, as MariaDB does.
  await app.services.knex('users').where({ username: 'grace' }).update({ username_key: 'gràce' })
  const browser = app.browser()
  await browser.post(PAGE, { account: 'gràce' })
  await browser.post(PAGE, { account: 'ada' })
  await mailedLink(browser)
  t.notRegex((await browser.get('/dev/mail')).text, /grace@example\.com/)
})

test('a link is deleted with its account, and no other; not if the password was wrong', async (t) => {
  const app = await started(t)
  const { knex } = app.services
  const browser = app.browser()
  await browser.post(PAGE, { account: 'ada' })
  await browser.post(PAGE, { account: 'grace' })
  await mailedLink(browser, 2)
  const owner = app.browser()
  await signIn(owner, 'grace')
  t.is((await owner.post('/account/delete', { password: 'wrong' })).status, 422)
  t.deepEqual((await knex('password_resets').pluck('user_id')).sort(), [1, 2])
  t.is((await owner.post('/account/delete', { password: 'grace-demo-password' })).status, 303)
  t.deepEqual(await knex('password_resets').pluck('user_id'), [1])
})

test('links that have expired are deleted when the next one is mailed', async (t) => {
  const app = await started(t, { PASSWORD_RESET_AGE: '60' })
  const { knex } = app.services
  const browser = app.browser()
  await browser.post(PAGE, { account: 'grace' })
  await mailedLink(browser)
  await knex('password_resets').update({ created_at: Date.now() - 60_000 })
  await browser.post(PAGE, { account: 'ada' })
  await mailedLink(browser, 2)
  t.deepEqual(await knex('password_resets').pluck('user_id'), [1])
})

test('one mail has a link for each account with its address, the last used first; another spelling is another address', async (t) => {
  const app = await started(t)
  const { users, knex } = app.services
  const add = async (username: string, email = 'shared@example.com') => {
    const passwordHash = (await users.byUsername('ada'))?.passwordHash ?? ''
    await users.create({ username, email, fullName: 'A', passwordHash })
  }
  // They have signed in when they were registered, as a registration does.
  for (let n = 1; n <= 25; n++) await add(`squatter-${n}`)
  await knex('users')
    .where('username', 'like', 'squatter%')
    .update({ signed_in_at: Date.now() - 3_600_000 })
  await add('owner')
  await add('other', 'SHARED@example.com')
  for (let n = 26; n <= 30; n++) await add(`squatter-${n}`)
  for (const name of ['other', 'owner']) t.is((await signIn(app.browser(), name, 'ada-demo-password')).status, 303)
  const browser = app.browser()
  await browser.post(PAGE, { account: 'Shared@Example.com' })
  await mailedLink(browser, 20)
  const { text } = await browser.get('/dev/mail')
  const [mails, links] = [mailsOf(text), linksOf(text)]
  t.deepEqual(mails.map(({ to }) => to).sort(), ['SHARED@example.com', 'shared@example.com'])
  t.is(new Set(links).size, 20)
  const textTo = (address: string) => mails.find(({ to }) => to === address)?.text ?? ''
  t.regex(textTo('SHARED@example.com'), /other/)
  t.notRegex(textTo('SHARED@example.com'), /owner|squatter/)
  t.regex(textTo('shared@example.com'), /owner[\s\S]*squatter-1:[\s\S]*Only the 20 accounts that were used last/)
  for (const link of links.slice(0, 7)) t.is((await browser.get(link)).status, 200)
  const row = () => knex('users').where({ username: 'owner' }).first('signed_in_at')
  const before = await row()
  t.is((await signIn(app.browser(), 'owner', 'ada-demo-password')).status, 303)
  t.deepEqual(await row(), before, 'stored once a day')
  await browser.post(PAGE, { account: 'squatter-30' })
  await mailedLink(browser, 21)
  t.regex(mailsOf((await browser.get('/dev/mail')).text)[0]?.text ?? '', /^[\s\S]*squatter-30:/)
  t.notRegex(mailsOf((await browser.get('/dev/mail')).text)[0]?.text ?? '', /Only the/)
})

test('in production it says that it is not available without SMTP, and mails over SMTP with the public origin', async (t) => {
  const production = { NODE_ENV: 'production', SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough' }
  const without = await started(t, production)
  const page = await without.browser().get(PAGE)
  t.is(page.status, 503)
  t.regex(page.text, /cannot be reset here/)
  t.is((await without.browser().json('POST', PAGE, { account: 'ada' })).status, 503)
  t.is((await without.browser().get('/dev/mail')).status, 404)

  const mail = await smtpServer(t)
  const origin = { PUBLIC_ORIGIN: 'https://app.example', SMTP_URL: mail.url }
  const app = await started(t, { ...production, ...origin })
  t.is((await app.browser().json('POST', PAGE, { account: 'ada' })).status, 200)
  const text = (await mail.received).replaceAll('=\r\n', '').replaceAll('=3D', '=')
  t.regex(text, /^To: ada@example\.com/m)
  t.regex(text, /^From: no-reply@app\.example/m)
  t.regex(text, /https:\/\/app\.example\/password-reset\/new\?token=[\w-]{43}/)
  t.is((await app.browser().get('/dev/mail')).status, 404)
})

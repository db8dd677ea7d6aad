import test from 'ava'
import { startLogged } from '../../support/security-events.ts'
import { changePassword, signIn, signOut } from './steps.ts'

test('security events say who, from where, and in which request, and nothing secret (ASVS 16.2.1, 16.3.1 to 16.3.3)', async (t) => {
  const { app, events, output } = await startLogged(t, { TRUSTED_PROXIES: '1' })
  const from = { 'x-forwarded-for': '203.0.113.77', 'x-request-id': 'from-the-proxy-1' }
  const ada = app.browser()
  await ada.post('/login', { username: 'ada', password: 'not-the-password' }, from)
  await ada.post('/login', { username: 'nobody-of-that-name', password: 'not-the-password' }, from)
  await ada.post('/login', { username: 'ada', password: 'ada-demo-password' }, from)
  await ada.post('/account/password', { current: 'wrong-password', password: 'velvet hammer', repeat: 'velvet hammer' })
  await changePassword(ada, 'ada-demo-password', 'velvet hammer umbrella')
  await ada.post('/logout', {}, { origin: 'https://evil.example' })
  await signOut(ada)
  const grace = app.browser()
  await signIn(grace, 'grace')
  await grace.post('/account/delete', { password: 'grace-demo-password' })
  const throttled = app.browser()
  for (let n = 0; n < 11; n++) await signIn(throttled, 'ada', 'not-the-password')
  const logged = events()
  t.deepEqual(
    logged.slice(0, 10).map(({ security, userId, level }) => [security, userId, level]),
    [
      ['sign-in refused', '1', 40],
      ['sign-in refused', null, 40],
      ['signed in', '1', 30],
      ['password refused', '1', 40],
      ['password changed', '1', 30],
      ['cross-origin request refused', null, 40],
      ['signed out', '1', 30],
      ['signed in', '2', 30],
      ['account deleted', '2', 30],
      ['signed out', '2', 30],
    ],
  )
  t.is(logged.at(-1)?.security, 'too many attempts')
  t.deepEqual([logged[0]?.address, logged[0]?.requestId], ['203.0.113.x', 'from-the-proxy-1'])
  t.notRegex(output(), /not-the-password|wrong-password|velvet|203\.0\.113\.77|nobody-of-that-name|evil\.example/)
})

test('a request id from outside is not trusted without a proxy', async (t) => {
  const { app, lines } = await startLogged(t)
  const { headers } = await app.browser().get('/', { 'x-request-id': 'made-up-by-anybody' })
  t.regex(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
  t.is(lines.find(({ requestId }) => requestId === headers.get('x-request-id'))?.level, 30)
})

test('a form over plain http is logged, also where nobody is signed in', async (t) => {
  const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
  const { app, events } = await startLogged(t, { NODE_ENV: 'production', SECRET_KEY, TRUSTED_PROXIES: '1' })
  const from = { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'app.example', 'x-forwarded-for': '203.0.113.77' }
  t.is((await app.browser().post('/login', { username: 'ada', password: 'typed' }, from)).status, 403)
  const { security, userId, address, level } = events()[0] ?? t.fail()
  t.deepEqual([security, userId, address, level], ['plain http refused', null, '203.0.113.x', 40])
})

test('what a client sends adds no line and no control character to the log (ASVS 16.4.1)', async (t) => {
  const { app, lines, output } = await startLogged(t, { TRUSTED_PROXIES: '1' })
  const forged = '{"level":60,"security":"forged"}'
  const path = encodeURIComponent(`\n${forged}\u001b[31m`)
  const sent = {
    'x-forwarded-for': `203.0.113.7\t${forged}`,
    'x-request-id': forged,
    'user-agent': `\t${forged}\u0080`,
  }
  await app.browser().get(`/${path}`, sent)
  await app.browser().post('/login', { username: `ada\r\n${forged}\u001b[31m`, password: `\n${forged}` }, sent)
  await app.browser().post(`/login?next=${path}`, { username: `ada ${forged}`, password: 'x' }, sent)
  t.true(lines.length >= 3)
  t.is(output().split('\n').length, lines.length + 1)
  t.notRegex(output().replaceAll('\n', ''), /\p{Cc}/u)
  t.true(lines.every(({ level, security }) => level < 60 && security !== 'forged'))
})

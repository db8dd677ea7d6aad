import test, { type ExecutionContext } from 'ava'
import { sessionsCli } from '../../scripts/sessions-cli.ts'
import { smtpServer } from './smtp-server.ts'

const PRODUCTION = { NODE_ENV: 'production', SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough' }
const ORIGIN = { PUBLIC_ORIGIN: 'https://app.example', TRUSTED_PROXIES: '1' }

/** What doctor says of mail and of settings, by state, and everything that it has printed. */
async function examined(t: ExecutionContext, env: Record<string, string>) {
  const { run } = await sessionsCli(t)
  const { output } = await run(['doctor', '--json'], env)
  const { findings }: { findings: { item: string; state: string; message: string }[] } = JSON.parse(output)
  const of = (name: string) => findings.filter(({ item }) => item === name).map((one) => `${one.state}: ${one.message}`)
  return { mail: of('mail').join(' '), settings: of('settings').join(' '), output }
}

test.serial('doctor warns in production when a password cannot be reset', async (t) => {
  const bare = await examined(t, PRODUCTION)
  t.regex(bare.mail, /warn: PUBLIC_ORIGIN is not set.* warn: SMTP_URL is not set/)
  const withoutServer = await examined(t, { ...PRODUCTION, ...ORIGIN })
  t.regex(withoutServer.mail, /^warn: SMTP_URL is not set: nobody/)
  t.regex((await examined(t, { NODE_ENV: 'development' })).mail, /^ok: /)
})

test.serial('doctor connects to the mail server, sends nothing, and shows no password', async (t) => {
  const { url, received } = await smtpServer(t)
  void received.then(() => t.fail('a mail was sent'))
  t.is(
    (await examined(t, { ...PRODUCTION, ...ORIGIN, SMTP_URL: url })).mail,
    'ok: The mail server accepts a connection.',
  )
  const nobody = await examined(t, { ...PRODUCTION, ...ORIGIN, SMTP_URL: 'smtp://me:a-mail-password@127.0.0.1:1' })
  t.regex(nobody.mail, /^fail: The mail server of SMTP_URL does not answer/)
  t.false(nobody.output.includes('a-mail-password'))
})

test.serial('doctor names an invalid setting of a feature', async (t) => {
  const { settings, mail } = await examined(t, { ...PRODUCTION, ...ORIGIN, SMTP_URL: 'http://me:a-mail-password@host' })
  t.regex(settings, /fail: SMTP_URL is wrong: must be smtp:/)
  t.is(mail, '')
})

import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import { FailedAttempts, type Limit } from '../../failed-attempts.ts'
import type { Services } from '../../services.ts'
import { defineSettings, seconds, setting, text, unlessEmpty, type ValuesOf } from '../../settings.ts'
import { MAX_SAME_EMAIL } from '../../users.ts'
import { endSessions } from '../../web/end-sessions.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import type { Translate } from '../../web/i18n.ts'
import { queryParam, readInput, refuseInput, wantsJson } from '../../web/input.ts'
import { newPasswordErrors, newPasswordFields } from '../../web/password-field.ts'
import { seeOther } from '../../web/redirect.ts'
import { logSecurity } from '../../web/security-log.ts'
import { SITE_NAME } from '../../web/site.ts'
import { Throttle } from '../../web/throttle.ts'
import { waitMessage } from '../../web/wait-message.ts'
import { backgroundWork } from './background.ts'
import { checkMail } from './check-mail.ts'
import { openMailer, type ResetLink } from './mail.ts'
import { ResetTokens } from './tokens.ts'

const PAGE = '/password-reset'
const NEW_PASSWORD = `${PAGE}/new`
const UNAVAILABLE = 'This site cannot send mail, so a password cannot be reset here. Please ask whoever runs it.'
const INVALID = 'This link has expired, or was used already. Please ask for another one.'
const SENT = 'If there is such an account, a mail with a link is on its way to its address.'
const WHO = 'Enter your username or your e-mail address.'

const settings = defineSettings({
  SMTP_URL: setting(
    unlessEmpty(z.url({ protocol: /^smtps?$/, error: 'must be smtp:// or smtps://' }).optional()),
    'The mail server: smtp://user:password@host:587 or smtps://host. Empty: in development mail is logged, and shown on\n' +
      '/dev/mail; in production passwords cannot be reset. Production needs PUBLIC_ORIGIN, too',
  ),
  MAIL_FROM: setting(text, 'The sender, such as Holdfast <no-reply@app.example>; empty: no-reply at PUBLIC_ORIGIN'),
  PASSWORD_RESET_AGE: setting(
    seconds.min(60).max(86_400).default(1800),
    'Seconds that a link to a new password is valid',
  ),
})

const request = z.object({
  account: z
    .string(WHO)
    .trim()
    .min(1, WHO)
    .max(254, WHO)
    // PostgreSQL fails on a NUL instead of finding nothing.
    .regex(/^\P{Cc}*$/u, WHO),
})
const token = z.string(INVALID).regex(/^[\w-]{43}$/, INVALID)
const newPassword = z.object({ token, ...newPasswordFields })

export default defineFeature({
  name: 'password-reset',
  requires: ['account'],
  settings,
  open: passwordReset,
  check: checkMail,
})

const PER_ADDRESS = { max: 20, seconds: 900 }
// Further ones are not sent: the newest link is in a mailbox already, and a refusal would be seen by anyone who asks.
const MAILS_PER_ACCOUNT: Limit = { max: 3, window: 900_000, consecutive: false }

/** A new password by a link that is sent by mail, for users who have forgotten the old one. */
function passwordReset(services: Services, values: ValuesOf<typeof settings>): OpenFeature {
  const { users, engine, config, log } = services
  const origin = config.publicOrigin
  const from = values.MAIL_FROM ?? `no-reply@${origin === undefined ? 'localhost' : new URL(origin).hostname}`
  // A link from the Host header would lead to whatever an attacker puts there.
  const canLink = origin !== undefined || !config.production
  const mailer = canLink ? openMailer(services, { smtpUrl: values.SMTP_URL, from }) : undefined
  if (mailer === undefined && config.production) {
    log.warn('passwords cannot be reset: set SMTP_URL and PUBLIC_ORIGIN')
  }
  const tokens = new ResetTokens(services.knex, users, values.PASSWORD_RESET_AGE)
  const throttle = new Throttle(services)
  users.onDelete((userId, knex) => tokens.delete(userId, knex))
  const mailed = new FailedAttempts(services.knex)
  const inBackground = backgroundWork(services, logUnsent)
  const router = new Router()
  const shownHere = config.mode === 'development' && values.SMTP_URL === undefined

  router.get(PAGE, async (ctx) => {
    await showRequest(ctx, mailer === undefined ? { status: 503, message: UNAVAILABLE } : {})
  })

  router.post(PAGE, async (ctx) => {
    if (mailer === undefined) return await refuse(ctx, { status: 503, message: UNAVAILABLE })
    const input = readInput(ctx, request)
    if (!input.ok) {
      refuseInput(ctx, input.errors)
      return await showRequest(ctx, { errors: input.errors, account: input.typed['account'] ?? '' })
    }
    const { account } = input.values
    try {
      await throttle.attempt(ctx, 'reset-address', PER_ADDRESS)
    } catch (error) {
      return await showRequest(ctx, { errors: { account: waitMessage(ctx, error) }, account })
    }
    const t = await ctx.translate()
    const base = origin ?? ctx.origin
    // After the response, so that it says nothing of the account, nor does the time that it takes.
    ctx.res.once('finish', () => inBackground(sendLinks(account, base, t)))
    if (wantsJson(ctx)) ctx.body = { ok: true }
    else await showRequest(ctx, { message: SENT, shownHere })
  })

  async function sendLinks(account: string, base: string, t: Translate): Promise<void> {
    await tokens.clearExpired()
    // One mail per address, exactly as it is spelled: another spelling may be the address of somebody else.
    const byAddress = new Map<string, ResetLink[]>()
    const found = await users.byUsernameOrEmail(account)
    for (const user of found) {
      const counter = { name: `reset-mail ${user.id}`, limit: MAILS_PER_ACCOUNT }
      if ((await mailed.reserve(counter)) !== undefined) continue
      const link = { username: user.username, path: `${NEW_PASSWORD}?token=${await tokens.create(user)}` }
      byAddress.set(user.email, [...(byAddress.get(user.email) ?? []), link])
      log.info({ user: user.id }, 'password reset: link made')
    }
    const minutes = String(Math.round(values.PASSWORD_RESET_AGE / 60))
    const about = { site: SITE_NAME, minutes }
    const subject = t('Choose a new password for {site}', about)
    const first = t('Somebody has asked for a new password on {site}. Choose one within {minutes} minutes:', about)
    const more = 'Only the {max} accounts that were used last are listed. For another one, enter its username.'
    const rest = found.length < MAX_SAME_EMAIL ? [] : [t(more, { max: String(MAX_SAME_EMAIL) })]
    const last = t('A link works once. If it was not you, you need not do anything.')
    for (const [to, links] of byAddress) {
      const paragraphs = [first, ...links.map(({ username, path }) => `${username}:\n${base}${path}`), ...rest, last]
      // An address that is refused must not hold back the others.
      await mailer?.send({ to, subject, text: `${paragraphs.join('\n\n')}\n`, links }).catch(logUnsent)
    }
  }

  function logUnsent(error: unknown): void {
    log.error({ err: error }, 'mail was not sent')
  }

  router.get(NEW_PASSWORD, async (ctx) => {
    const parsed = token.safeParse(queryParam(ctx, 'token'))
    const user = parsed.success ? await tokens.userOf(parsed.data) : undefined
    if (user === undefined) return await refuse(ctx, { status: 410, message: INVALID })
    await showNewPassword(ctx, { token: parsed.data ?? '', username: user.username, errors: {} })
  })

  router.post(NEW_PASSWORD, async (ctx) => {
    const input = readInput(ctx, newPassword)
    const given = token.safeParse(input.ok ? input.values.token : input.typed['token'])
    const user = given.success ? await tokens.userOf(given.data) : undefined
    if (user === undefined || !given.success) {
      await throttle.attempt(ctx, 'reset-address', PER_ADDRESS)
      return await refuse(ctx, { status: 410, message: INVALID })
    }
    const errors = input.ok ? await newPasswordErrors(ctx, config, input.values, user) : input.errors
    if (!input.ok || Object.keys(errors).length > 0) {
      refuseInput(ctx, errors)
      return await showNewPassword(ctx, { token: given.data, username: user.username, errors })
    }
    let hash: string
    try {
      // First: it fails if too many passwords are waiting, and the link must still work then.
      hash = await throttle.hashPassword(ctx, input.values.password)
    } catch (error) {
      const wait = { password: waitMessage(ctx, error) }
      return await showNewPassword(ctx, { token: given.data, username: user.username, errors: wait })
    }
    const changed = await tokens.use(given.data, user, hash)
    if (changed === undefined) return await refuse(ctx, { status: 410, message: INVALID })
    await endSessions(engine, user.id)
    await throttle.unlock(changed)
    logSecurity(ctx, 'password reset', { userId: user.id })
    if (wantsJson(ctx)) ctx.body = { ok: true }
    else await seeOther(ctx, '/login?new-password')
  })

  if (config.mode === 'development') {
    router.get('/dev/mail', async (ctx) => {
      await ctx.render('password-reset/mail.njk', { mails: mailer?.unsent ?? [] })
    })
  }

  return {
    routes: router.routes(),
    page: (_ctx, session) =>
      session.account === undefined ? { nav: [{ href: PAGE, label: 'Forgot your password?', place: 'sign-in' }] } : {},
  }
}

interface RequestPage {
  readonly status?: number
  readonly message?: string
  /** Whether the mail is on a page of development instead. */
  readonly shownHere?: boolean
  readonly account?: string
  readonly errors?: Readonly<Record<string, string>>
}

async function showRequest(ctx: Context, page: RequestPage) {
  const { status, message = '', shownHere = false, account = '', errors = {} } = page
  if (status !== undefined) ctx.status = status
  const done = message === SENT
  await ctx.render('password-reset/request.njk', {
    message,
    done,
    shownHere,
    account,
    errors,
    available: message !== UNAVAILABLE,
  })
}

async function refuse(ctx: Context, page: { status: number; message: string }): Promise<void> {
  if (wantsJson(ctx)) ctx.throw(page.status, page.message, { expose: true })
  await showRequest(ctx, page)
}

interface NewPasswordPage {
  readonly token: string
  readonly username: string
  readonly errors: Readonly<Record<string, string>>
}

async function showNewPassword(ctx: Context, page: NewPasswordPage): Promise<void> {
  // The address has the token. Not "no-referrer": then browsers send "Origin: null" with the form, which is refused.
  ctx.set('Referrer-Policy', 'strict-origin')
  ctx.set('Cache-Control', 'no-store')
  await ctx.render('password-reset/new.njk', { ...page })
}

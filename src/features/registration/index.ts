import { randomUUID } from 'node:crypto'
import Router from '@koa/router'
import type { Context } from 'koa'
import type { Services } from '../../services.ts'
import type { Session } from '../../session/index.ts'
import { UsernameTakenError } from '../../users.ts'
import { currentUser, signInUser } from '../../web/current-user.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { flash } from '../../web/flash.ts'
import { type Input, queryParam, readInput, refuseInput, typedInput, wantsJson } from '../../web/input.ts'
import { LANGUAGE_OPTIONS } from '../../web/languages.ts'
import { newPasswordErrors } from '../../web/password-field.ts'
import { seeOther } from '../../web/redirect.ts'
import { Throttle } from '../../web/throttle.ts'
import { waitMessage } from '../../web/wait-message.ts'
import {
  address,
  addressForm,
  COUNTRIES,
  finishForm,
  personal,
  personalForm,
  registrationWizard as wizard,
} from './steps.ts'

const LABELS = ['About you', 'Address', 'Review'] as const
const VIEWS = ['personal', 'address', 'review'] as const
const TAKEN = 'This username is taken.'

type Errors = Readonly<Record<string, string>>

export default defineFeature({ name: 'registration', requires: ['account'], open: registration })

/** Registration in three steps; signs the new user in. */
function registration(services: Services): OpenFeature {
  const { users } = services
  // A registration reveals which names are taken, so the attempts are limited.
  const throttle = new Throttle(services)
  const router = new Router()

  router.get('/register', async (ctx) => {
    const session = await ctx.session()
    if (wantsJson(ctx)) ctx.body = progress(session)
    else await seeOther(ctx, `/register/${wizard.currentStep(session)}`)
  })

  router.get('/register/:step', async (ctx) => {
    const step = stepOf(ctx)
    const session = await ctx.session()
    if (wantsJson(ctx)) ctx.body = progress(session)
    else if (await isReachable(ctx, session, step)) await show(ctx, session, step, {})
  })

  router.post('/register/:step', async (ctx) => {
    const step = stepOf(ctx)
    const session = await ctx.session()
    if (!(await isReachable(ctx, session, step))) return
    wizard.tidy(session)
    const outcome = await save(ctx, session, step)
    if (outcome === 'shown again') return
    if (!outcome.ok) return await refuse(ctx, session, step, outcome)
    if (wantsJson(ctx)) ctx.body = step === wizard.totalSteps ? { ok: true } : progress(session)
    else await seeOther(ctx, step === wizard.totalSteps ? '/account' : `/register/${step + 1}`)
  })

  async function save(ctx: Context, session: Session, step: number): Promise<Input<unknown> | 'shown again'> {
    try {
      return await (step === 1 ? savePersonal : step === 2 ? saveAddress : finish)(ctx, session)
    } catch (error) {
      const errors = { [step === 1 ? 'username' : 'password']: waitMessage(ctx, error) }
      await show(ctx, session, step, errors, typedInput(ctx))
      return 'shown again'
    }
  }

  async function savePersonal(ctx: Context, session: Session): Promise<Input<unknown>> {
    const input = readInput(ctx, personalForm)
    if (!input.ok) return input
    await throttle.lookAtName(ctx)
    if (await users.isTaken(input.values.username)) return refused({ username: TAKEN }, input.values)
    const before = wizard.get(session, personal)
    // Another name is another account.
    const id = before?.username === input.values.username ? before.id : randomUUID()
    wizard.set(session, personal, { ...input.values, id })
    return input
  }

  async function saveAddress(ctx: Context, session: Session): Promise<Input<unknown>> {
    const input = readInput(ctx, addressForm)
    // Browsers do not send an unchecked box.
    if (!input.ok) return refused(input.errors, { newsletter: '', ...input.typed })
    const { language = (await ctx.display()).language, ...place } = input.values
    wizard.set(session, address, { ...place, language })
    return input
  }

  async function finish(ctx: Context, session: Session): Promise<Input<unknown>> {
    const input = readInput(ctx, finishForm)
    const person = wizard.get(session, personal)
    const home = wizard.get(session, address)
    if (!input.ok || person === undefined || home === undefined) return input
    const { password } = input.values
    const errors = await newPasswordErrors(ctx, services.config, input.values, person)
    if (Object.keys(errors).length > 0) return refused(errors, { accept: 'true' })
    await throttle.lookAtName(ctx)
    const { id: registrationId, ...identity } = person
    const { language, newsletter, ...place } = home
    const passwordHash = await throttle.hashPassword(ctx, password)
    const account = { ...identity, registrationId, passwordHash, language, newsletter, address: place }
    const created = await users.create(account).catch((error: unknown) => {
      if (error instanceof UsernameTakenError) return undefined
      throw error
    })
    // If it was sent twice with two passwords, the first one counts, and the second is refused. It is counted like a
    // sign-in, as it could be used to guess the password.
    const isOurs =
      created !== undefined &&
      (created.passwordHash === passwordHash ||
        (await throttle.signInMatches(ctx, created.username, password, created)))
    if (!isOurs) return refused({ username: TAKEN })
    // Not for a form that is sent again: each would give two looks for one.
    if (created.passwordHash === passwordHash) await throttle.takeLooksBack(ctx)
    wizard.clear(session)
    await signInUser(ctx, services, created)
    services.log.info({ user: created.id }, 'account created')
    await flash(ctx, 'done', 'Welcome! Your account is ready.')
    return input
  }

  const isReachable = async (ctx: Context, session: Session, step: number): Promise<boolean> => {
    if ((await currentUser(ctx, services)) !== null) {
      if (wantsJson(ctx)) ctx.throw(409, 'You have an account already.')
      await seeOther(ctx, '/account')
      return false
    }
    const current = wizard.currentStep(session)
    if (step <= current) return true
    if (wantsJson(ctx)) ctx.throw(409, `Step ${current} comes first.`)
    // The steps before were in a session that is gone: what this form would have added is kept.
    const ended = session.lost !== undefined && ctx.method === 'POST'
    if (ended && step === 2) await saveAddress(ctx, session)
    // Not a flash message: it would begin a session for any invented cookie.
    await seeOther(ctx, `/register/${current}${ended ? '?ended' : ''}`)
    return false
  }

  return {
    routes: router.routes(),
    page: (_ctx, session) => ({
      nav:
        session.account === undefined
          ? [
              { href: '/register', label: 'Register', place: 'account' },
              { href: '/register', label: 'Create an account', place: 'sign-in' },
            ]
          : [],
    }),
  }
}

function stepOf(ctx: Context & { params: Record<string, string> }): number {
  const step = ctx.params['step'] ?? ''
  return /^[1-3]$/.test(step) ? Number(step) : ctx.throw(404)
}

/** The progress of the form, without the id of the registration. */
function progress(session: Session) {
  const { personal: person, ...rest } = wizard.allData(session)
  const shown = { ...wizard.get(session, personal), id: undefined }
  return {
    current_step: wizard.currentStep(session),
    total_steps: wizard.totalSteps,
    completed_steps: wizard.completedSteps(session),
    data: person === undefined ? rest : { personal: shown, ...rest },
  }
}

async function show(ctx: Context, session: Session, step: number, errors: Errors, typed: Errors = {}): Promise<void> {
  const person = wizard.get(session, personal)
  const home = wizard.get(session, address)
  const known = step === 1 ? person : home
  const { language } = await ctx.display()
  await ctx.render(`registration/${VIEWS[step - 1]}.njk`, {
    step,
    labels: LABELS,
    completed: wizard.completedSteps(session),
    values: { ...BLANK, language, ...known, ...typed },
    person:
      person === undefined ? undefined : { username: person.username, fullName: person.fullName, email: person.email },
    home,
    country: COUNTRIES.find(({ value }) => value === home?.country)?.label ?? '',
    countries: COUNTRIES,
    languages: LANGUAGE_OPTIONS,
    errors,
    ended: queryParam(ctx, 'ended') !== undefined,
  })
}

const BLANK = {
  username: '',
  fullName: '',
  email: '',
  line1: '',
  line2: '',
  city: '',
  postcode: '',
  country: 'DE',
  newsletter: false,
  accept: false,
}

async function refuse(ctx: Context, session: Session, step: number, { errors, typed }: Input<unknown> & { ok: false }) {
  refuseInput(ctx, errors)
  // If the name has been taken meanwhile, it is changed on the first step.
  await show(ctx, session, errors['username'] === undefined ? step : 1, errors, typed)
}

function refused(errors: Record<string, string>, typed: Record<string, string> = {}): Input<never> {
  return { ok: false, errors, typed }
}

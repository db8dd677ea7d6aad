import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import type { Feature } from '../../web/feature.ts'
import { flash } from '../../web/flash.ts'
import { InvalidInputError, readInput, requireInput, wantsJson } from '../../web/input.ts'
import { german } from './german.ts'
import {
  chosenLanguage,
  preferencesSchema,
  readPreferences,
  resetPreferences,
  TIME_ZONES,
  writePreference,
  writePreferences,
} from './preferences.ts'

const ticked = z.literal('true').optional().transform(Boolean)

// A form sends text, and says nothing at all of a box that is not ticked.
const formSchema = z
  .object({
    theme: z.unknown(),
    language: z.unknown(),
    timezone: z.unknown(),
    items_per_page: z
      .string('Write a whole number from 5 to 100.')
      .regex(/^\d{1,3}$/, 'Write a whole number from 5 to 100.')
      .transform(Number),
    email: ticked,
    push: ticked,
    sms: ticked,
  })
  .transform(({ email, push, sms, ...rest }) => ({ ...rest, notifications: { email, push, sms } }))
  .pipe(preferencesSchema)

const pathSchema = z.object({ key: z.string().max(64), value: z.unknown() })

/** What a visitor likes: theme, language, time zone, page length, notifications. They act on every page. */
export default function preferences(_services: Services): Feature {
  const router = new Router()

  router.get('/preferences', async (ctx) => {
    // The language may come from the account; what is shown is what is in force.
    const { language } = await ctx.display()
    const current = { ...readPreferences(await ctx.session()), language }
    if (wantsJson(ctx)) ctx.body = current
    else await show(ctx, { ...current, ...current.notifications }, {})
  })

  router.post('/preferences', async (ctx) => {
    const session = await ctx.session()
    if (ctx.request.is('json')) {
      const { key, value } = requireInput(ctx, pathSchema)
      const problem = writePreference(session, key, value)
      if (problem !== undefined)
        throw new InvalidInputError({ [problem.startsWith('There') ? 'key' : 'value']: problem })
      ctx.body = readPreferences(session)
      return
    }
    const input = readInput(ctx, formSchema)
    if (input.ok) {
      writePreferences(session, input.values)
      await answer(ctx, 'Your preferences are saved.')
    } else if (wantsJson(ctx)) {
      throw new InvalidInputError(input.errors)
    } else {
      const current = readPreferences(session)
      ctx.status = 422
      const boxes = { email: 'email' in input.typed, push: 'push' in input.typed, sms: 'sms' in input.typed }
      await show(ctx, { ...current, ...input.typed, ...boxes }, input.errors)
    }
  })

  router.post('/preferences/reset', async (ctx) => {
    resetPreferences(await ctx.session())
    await answer(ctx, 'Your preferences are the defaults again.')
  })

  return {
    routes: router.routes(),
    german,
    page: (_ctx, session) => {
      const { theme, timezone, items_per_page, notifications } = readPreferences(session)
      const language = chosenLanguage(session)
      const display = { theme, timeZone: timezone, pageLength: items_per_page, notifications, ...language }
      return { display, nav: [{ href: '/preferences', label: 'Preferences', place: 'main' }] }
    },
  }
}

async function answer(ctx: Context, message: string): Promise<void> {
  if (wantsJson(ctx)) {
    ctx.body = readPreferences(await ctx.session())
    return
  }
  const t = await ctx.translate()
  await flash(ctx, 'done', t(message))
  ctx.redirect('/preferences')
  ctx.status = 303
}

async function show(ctx: Context, values: Readonly<Record<string, unknown>>, errors: Readonly<Record<string, string>>) {
  await ctx.render('preferences/form.njk', { values, errors, zones: TIME_ZONES, now: Date.now() })
}

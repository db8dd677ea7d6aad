import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { InvalidInputError, queryParam, readInput, refuseInput, requireInput, wantsJson } from '../../web/input.ts'
import { LANGUAGE_OPTIONS } from '../../web/languages.ts'
import { seeOther } from '../../web/redirect.ts'
import {
  chosenLanguage,
  DEFAULTS,
  INVALID_PAGE_LENGTH,
  type Preferences,
  preferencesSchema,
  readPreferences,
  resetPreferences,
  TIME_ZONES,
  UNKNOWN_PREFERENCE,
  writePreference,
  writePreferences,
} from './preferences.ts'

const checked = z.literal('true').optional()

// A form sends text, nested by dotted names such as notifications.email. Missing fields are not changed; but browsers do not
// send unchecked boxes, so `boxes` says that the form had them.
const formSchema = z.object({
  theme: preferencesSchema.shape.theme.optional(),
  language: preferencesSchema.shape.language.optional(),
  timezone: preferencesSchema.shape.timezone.optional(),
  items_per_page: z
    .string(INVALID_PAGE_LENGTH)
    .regex(/^\d{1,3}$/, INVALID_PAGE_LENGTH)
    .transform(Number)
    .pipe(preferencesSchema.shape.items_per_page)
    .optional(),
  notifications: z.object({ email: checked, push: checked, sms: checked }).optional(),
  boxes: z.literal('shown').optional(),
})

const pathSchema = z.object({ key: z.string().max(64), value: z.unknown() })

const DONE = { saved: 'Your preferences have been saved.', reset: 'Your preferences have been reset.' } as const

export default defineFeature({ name: 'preferences', open: preferences })

/** Theme, language, time zone, page length and notifications of a visitor, for all pages. */
function preferences(): OpenFeature {
  const router = new Router()

  router.get('/preferences', async (ctx) => {
    // The language may be that of the account.
    const { language } = await ctx.display()
    const current = { ...readPreferences(await ctx.session()), language }
    if (wantsJson(ctx)) ctx.body = current
    else await show(ctx, current, {})
  })

  router.post('/preferences', async (ctx) => {
    const session = await ctx.session()
    if (ctx.request.is('json')) {
      const { key, value } = requireInput(ctx, pathSchema)
      const problem = writePreference(session, key, value)
      if (problem !== undefined)
        throw new InvalidInputError({ [problem === UNKNOWN_PREFERENCE ? 'key' : 'value']: problem })
      ctx.body = readPreferences(session)
      return
    }
    const input = readInput(ctx, formSchema)
    if (input.ok) {
      const { language } = await ctx.display()
      writePreferences(session, withForm({ ...readPreferences(session), language }, input.values), language)
      await respond(ctx, 'saved')
    } else {
      refuseInput(ctx, input.errors)
      const boxes = requireInput(ctx, formSchema.pick({ notifications: true, boxes: true }))
      const { notifications } = withForm(readPreferences(session), boxes)
      await show(ctx, { ...readPreferences(session), ...input.typed, notifications }, input.errors)
    }
  })

  router.post('/preferences/reset', async (ctx) => {
    resetPreferences(await ctx.session())
    await respond(ctx, 'reset')
  })

  return {
    routes: router.routes(),
    // Most visitors have chosen no theme: pages without a session look the same to them.
    defaultDisplay: { theme: DEFAULTS.theme },
    page: (_ctx, session) => {
      const { theme, timezone, items_per_page, notifications } = readPreferences(session)
      const language = chosenLanguage(session)
      const display = { theme, timeZone: timezone, pageLength: items_per_page, notifications, ...language }
      return { display, nav: [{ href: '/preferences', label: 'Preferences', place: 'main' }] }
    },
  }
}

function withForm(current: Preferences, form: z.infer<typeof formSchema>): Preferences {
  const { theme, language, timezone, items_per_page, boxes } = form
  const box = (channel: keyof Preferences['notifications']) =>
    form.notifications?.[channel] === 'true' || (boxes === undefined && current.notifications[channel])
  return {
    theme: theme ?? current.theme,
    language: language ?? current.language,
    timezone: timezone ?? current.timezone,
    items_per_page: items_per_page ?? current.items_per_page,
    notifications: { email: box('email'), push: box('push'), sms: box('sms') },
  }
}

async function respond(ctx: Context, done: keyof typeof DONE): Promise<void> {
  const session = await ctx.session()
  if (wantsJson(ctx)) ctx.body = readPreferences(session)
  // A message in a session would begin one for a visitor who has changed nothing.
  else if (session.isEmpty) await seeOther(ctx, `/preferences?${done}`)
  else await seeOther(ctx, '/preferences', DONE[done])
}

async function show(ctx: Context, values: Readonly<Record<string, unknown>>, errors: Readonly<Record<string, string>>) {
  const done = (['saved', 'reset'] as const).find((name) => queryParam(ctx, name) !== undefined)
  await ctx.render('preferences/form.njk', {
    done: done === undefined ? '' : DONE[done],
    values,
    errors,
    languages: LANGUAGE_OPTIONS,
    zones: TIME_ZONES,
    now: Date.now(),
  })
}

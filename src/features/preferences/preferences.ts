import { z } from 'zod'
import { defineSlice, type Session } from '../../session/index.ts'
import { THEMES } from '../../web/display.ts'
import { LANGUAGES } from '../../web/languages.ts'

const zones = new Set([...Intl.supportedValuesOf('timeZone'), 'UTC'])

/** All time zones that Node knows, UTC first. */
export const TIME_ZONES: readonly string[] = ['UTC', ...[...zones].filter((zone) => zone !== 'UTC').sort()]

export const UNKNOWN_PREFERENCE = 'There is no such preference.'
export const INVALID_PAGE_LENGTH = 'Enter a whole number from 5 to 100.'

const notifications = z.object({ email: z.boolean(), push: z.boolean(), sms: z.boolean() })

/** The schema: nothing else can be stored. */
export const preferencesSchema = z.object({
  theme: z.enum(THEMES, 'Choose a theme from the list.'),
  language: z.enum(LANGUAGES, 'Choose a language from the list.'),
  timezone: z
    .string('Choose a time zone from the list.')
    .refine((zone) => zones.has(zone), 'Choose a time zone from the list.'),
  items_per_page: z.int(INVALID_PAGE_LENGTH).min(5, INVALID_PAGE_LENGTH).max(100, INVALID_PAGE_LENGTH),
  notifications,
})

export type Preferences = z.infer<typeof preferencesSchema>

export const DEFAULTS: Preferences = {
  theme: 'light',
  language: 'en',
  timezone: 'UTC',
  items_per_page: 20,
  notifications: { email: true, push: false, sms: false },
}

// Not the language: without a choice it is that of the browser or the account.
const { language: _language, ...USUAL } = DEFAULTS

// Only what the visitor chose is stored, so that a new default applies to everybody else.
const chosenSchema = preferencesSchema.partial().extend({ notifications: notifications.partial().optional() })
type Chosen = z.infer<typeof chosenSchema>

const preferencesSlice = defineSlice<Chosen>({
  name: 'preferences',
  schema: chosenSchema,
  default: () => ({}),
  budget: 1024,
  merge: mergeChosen,
  account: true,
  logout: 'drop',
})

/** The visitor's choices over the defaults. */
export function readPreferences(session: Session): Preferences {
  const chosen = session.get(preferencesSlice)
  const { notifications: channels, ...rest } = chosen
  return withDefaults(DEFAULTS, { ...rest, notifications: withDefaults(DEFAULTS.notifications, channels ?? {}) })
}

/** The language, if the visitor chose one here; otherwise that of the account is used. */
export function chosenLanguage(session: Session): Partial<Pick<Preferences, 'language'>> {
  const { language } = session.get(preferencesSlice)
  return language === undefined ? {} : { language }
}

/**
 * Stores all preferences that differ from the current ones.
 *
 * @param shown the language of the page
 */
export function writePreferences(session: Session, values: Preferences, shown: Preferences['language']): void {
  // The language of the account becomes a preference when the form is saved.
  const language = session.account === undefined ? shown : undefined
  const before = { ...readPreferences(session), language, ...chosenLanguage(session) }
  const choices = changed(before, values)
  const channels = changed(before.notifications, values.notifications)
  session.update(preferencesSlice, (chosen) => withChoices(chosen, choices, channels))
}

/**
 * Stores one preference by its dotted path, such as `notifications.email`.
 *
 * @returns a message for the visitor if there is no such preference, or the value is invalid
 */
export function writePreference(session: Session, path: unknown, value: unknown): string | undefined {
  const [name, below, ...deeper] = typeof path === 'string' ? path.split('.') : []
  const nested = name === 'notifications' && below !== undefined
  if (name === undefined || !Object.hasOwn(DEFAULTS, name) || deeper.length > 0 || (below !== undefined && !nested)) {
    return UNKNOWN_PREFERENCE
  }
  if (nested && !Object.hasOwn(DEFAULTS.notifications, below)) return UNKNOWN_PREFERENCE
  const parsed = chosenSchema.safeParse({ [name]: nested ? { [below]: value } : value })
  if (!parsed.success || value === undefined) return parsed.error?.issues[0]?.message ?? 'A value is missing.'
  const { notifications: channels = {}, ...choices } = parsed.data
  session.update(preferencesSlice, (chosen) =>
    withChoices(
      chosen,
      withoutDefaults(choices, chosen, USUAL),
      withoutDefaults(channels, chosen.notifications ?? {}, DEFAULTS.notifications),
    ),
  )
  return undefined
}

/** Resets all preferences. */
export function resetPreferences(session: Session): void {
  session.delete(preferencesSlice)
}

/** Merges field by field: the side that changed wins; if both did, mine does. */
function mergeChosen(mine: Chosen, theirs: Chosen, base: Chosen): Chosen {
  return {
    ...theirs,
    ...changed(base, mine),
    notifications: { ...theirs.notifications, ...changed(base.notifications ?? {}, mine.notifications ?? {}) },
  }
}

function withChoices(chosen: Chosen, choices: Chosen, channels: NonNullable<Chosen['notifications']>): Chosen {
  const notifications = { ...chosen.notifications, ...channels }
  return { ...chosen, ...choices, ...(Object.keys(notifications).length === 0 ? {} : { notifications }) }
}

/** Without defaults that are in force already, because nothing else was chosen. */
function withoutDefaults<T extends object>(values: T, chosen: object, defaults: Readonly<Record<string, unknown>>): T {
  const kept = Object.entries(values).filter(([name, value]) => Object.hasOwn(chosen, name) || value !== defaults[name])
  return Object.fromEntries(kept) as T
}

function changed<T extends object>(before: Readonly<Record<string, unknown>>, after: T): Partial<T> {
  const differing = Object.entries(after).filter(([name, value]) => {
    return typeof value !== 'object' && value !== before[name]
  })
  return Object.fromEntries(differing) as Partial<T>
}

function withDefaults<T extends object>(defaults: T, chosen: { readonly [K in keyof T]?: T[K] | undefined }): T {
  return { ...defaults, ...chosen }
}

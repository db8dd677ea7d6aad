import { z } from 'zod'
import { defineSlice, type Session } from '../../session/index.ts'
import { THEMES } from '../../web/display.ts'
import { LANGUAGES } from '../../web/languages.ts'

const zones = new Set([...Intl.supportedValuesOf('timeZone'), 'UTC'])

/** Every time zone this machine knows, UTC first. */
export const TIME_ZONES: readonly string[] = ['UTC', ...[...zones].filter((zone) => zone !== 'UTC').sort()]

export const UNKNOWN_PREFERENCE = 'There is no such preference.'
export const PER_PAGE = 'Enter a whole number from 5 to 100.'

const notifications = z.object({ email: z.boolean(), push: z.boolean(), sms: z.boolean() })

/** The declared shape: nothing else can be stored, by whatever path. */
export const preferencesSchema = z.object({
  theme: z.enum(THEMES, 'Choose a theme from the list.'),
  language: z.enum(LANGUAGES, 'Choose a language from the list.'),
  timezone: z
    .string('Choose a time zone from the list.')
    .refine((zone) => zones.has(zone), 'Choose a time zone from the list.'),
  items_per_page: z.int(PER_PAGE).min(5, PER_PAGE).max(100, PER_PAGE),
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

// Only what the visitor chose is stored, so that a new default reaches everybody who did not choose.
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

/** The language, if the visitor chose one here; otherwise the account's counts. */
export function chosenLanguage(session: Session): Partial<Pick<Preferences, 'language'>> {
  const { language } = session.get(preferencesSlice)
  return language === undefined ? {} : { language }
}

/** Stores all of them; those that equal what is in force stay unchosen. */
export function writePreferences(session: Session, wanted: Preferences): void {
  // A language that came from the account becomes a choice of its own once the form is saved.
  const before = { ...readPreferences(session), language: chosenLanguage(session).language }
  session.update(preferencesSlice, (chosen) => ({
    ...chosen,
    ...changed(before, wanted),
    notifications: { ...chosen.notifications, ...changed(before.notifications, wanted.notifications) },
  }))
}

/**
 * Stores one by its dotted path, such as `notifications.email`.
 *
 * @returns a message for the person when there is no such preference, or it cannot have this value
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
  session.update(preferencesSlice, (chosen) => ({
    ...chosen,
    ...parsed.data,
    notifications: { ...chosen.notifications, ...parsed.data.notifications },
  }))
  return undefined
}

/** Forgets every choice. */
export function resetPreferences(session: Session): void {
  session.delete(preferencesSlice)
}

/** Field by field: where only one side changed, it counts; where both did, this visitor here does. */
function mergeChosen(mine: Chosen, theirs: Chosen, base: Chosen): Chosen {
  return {
    ...theirs,
    ...changed(base, mine),
    notifications: { ...theirs.notifications, ...changed(base.notifications ?? {}, mine.notifications ?? {}) },
  }
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

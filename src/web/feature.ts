import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { z } from 'zod'
import { ConfigError } from '../config.ts'
import type { Services } from '../services.ts'
import type { Session, SessionsOptions } from '../session/index.ts'
import type { Display } from './display.ts'
import type { Translate } from './i18n.ts'

/** A link in the header of every page, or a button on the page of one's account. */
export interface NavItem {
  readonly href: string
  /** English text, translated where it is shown. */
  readonly label: string
  readonly badge?: number
  readonly place: 'main' | 'account' | 'account-page'
}

/** What a feature adds to every page that has a session. */
export interface PagePart {
  readonly display?: Partial<Display>
  readonly nav?: readonly NavItem[]
}

/** A view at the foot of every page, with what it shows in `part`. */
export interface FootPart {
  readonly view: string
  readonly [local: string]: unknown
}

/** What an open feature does for requests. */
export interface OpenFeature {
  readonly routes: ReturnType<Router['routes']>
  /** Stands above the session and its error pages: for what measures every request, or answers without a session. */
  readonly outermost?: Middleware
  /** Asked once per rendered page; must not do more I/O than it has to. */
  readonly page?: (ctx: Context, session: Session) => PagePart | Promise<PagePart>
  /** Asked last of all before a page is rendered, error pages too; must not touch the session. */
  readonly foot?: (display: Display, t: Translate) => FootPart | undefined
  /** Told of every request's session; see {@link SessionsOptions}. */
  readonly explain?: SessionsOptions['explain']
}

/** Environment variables by name: what each may be, and a line of help for `.env.example`. */
export type FeatureSettings = Readonly<Record<string, { readonly schema: z.ZodType; readonly help: string }>>

type Values<Settings extends FeatureSettings> = {
  readonly [Name in keyof Settings]: z.output<Settings[Name]['schema']>
}

/** A part of the application that can be removed: what `src/features/index.ts` lists. */
export interface Feature {
  /** That of its folders in `src/features`, `views`, `migrations` and `test/features`. */
  readonly name: string
  /** Features that must be there as well. */
  readonly requires: readonly string[]
  readonly settings: FeatureSettings
  /** @throws ConfigError naming the first of its settings that is wrong */
  readonly open: (services: Services, env: NodeJS.ProcessEnv) => OpenFeature
}

/** What {@link defineFeature} takes. */
export interface FeatureDefinition<Settings extends FeatureSettings> {
  readonly name: string
  readonly requires?: readonly string[]
  readonly settings?: Settings
  readonly open: (services: Services, settings: Values<Settings>) => OpenFeature
}

/**
 * Defines a feature; its styles, messages, seed, views, migrations and tests are found by its name.
 *
 * @param definition its name and how it opens; `settings` are read from the environment when it does
 */
export function defineFeature<const Settings extends FeatureSettings = Record<never, never>>(
  definition: FeatureDefinition<Settings>,
): Feature {
  const { name, requires = [], settings = {}, open } = definition
  return { name, requires, settings, open: (services, env) => open(services, readSettings(settings, env)) }
}

function readSettings<Settings extends FeatureSettings>(settings: FeatureSettings, env: NodeJS.ProcessEnv) {
  const shape = Object.fromEntries(Object.entries(settings).map(([name, { schema }]) => [name, schema]))
  const parsed = z.object(shape).safeParse(env)
  // What these very schemas have let through.
  if (parsed.success) return parsed.data as Values<Settings>
  const [issue] = parsed.error.issues
  throw new ConfigError(`${String(issue?.path[0])} is wrong: ${issue?.message}.`)
}

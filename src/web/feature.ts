import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { Config } from '../config.ts'
import type { Services } from '../services.ts'
import type { Session, SessionsOptions } from '../session/index.ts'
import { defineSettings, readValues, type Settings, type Values, type Variables } from '../settings.ts'
import type { Finding } from '../storage/finding.ts'
import type { User } from '../users.ts'
import type { Display } from './display.ts'
import type { Translate } from './i18n.ts'
import type { LoggedSecurity } from './security-log.ts'

/** A link in the header of every page or on the sign-in page, or a button on the account page. */
export interface NavItem {
  readonly href: string
  /** English text, translated where it is shown. */
  readonly label: string
  readonly badge?: number
  readonly place: 'main' | 'account' | 'account-page' | 'sign-in'
}

/** What a feature adds to every page with a session. */
export interface PagePart {
  readonly display?: Partial<Display>
  readonly nav?: readonly NavItem[]
}

/** A view that a feature adds to a page; its values are in `part`. */
export interface ViewPart {
  readonly view: string
  readonly [local: string]: unknown
}

/** What the home page says of a feature: something to `see`, or to `read`. */
export interface Attraction {
  readonly href: string
  /** English texts, translated where they are shown. */
  readonly title: string
  /** What a visitor will find there, and how. */
  readonly text: string
  readonly kind: 'see' | 'read'
}

/** A feature that has been opened. */
export interface OpenFeature {
  readonly routes: ReturnType<Router['routes']>
  /** For the home page; the first one to see, in the order of the registry, gets the button. */
  readonly attractions?: readonly Attraction[]
  /** Middleware outside the session and the error pages: to measure every request, or to respond without a session. */
  readonly outermost?: Middleware
  /** Called once per rendered page; should do as little I/O as possible. */
  readonly page?: (ctx: Context, session: Session) => PagePart | Promise<PagePart>
  /** How pages look that know nothing of their visitor, such as most error pages. */
  readonly defaultDisplay?: Partial<Display>
  /** Called last before a page is rendered, error pages too; must not touch the session. */
  readonly footer?: (display: Display, t: Translate) => ViewPart | undefined
  /** Called for the account page of this user. */
  readonly accountPage?: (ctx: Context, user: User) => Promise<ViewPart | undefined>
  /** Receives what is logged about the security of accounts. */
  readonly security?: (event: LoggedSecurity) => void
  /** Receives what happens to the session in every request; see {@link SessionsOptions}. */
  readonly explain?: SessionsOptions['explain']
}

/** A removable part of the application, listed in `src/features/index.ts`. */
export interface Feature {
  /** Also the name of its folders in `src/features`, `views`, `migrations` and `test/features`. */
  readonly name: string
  /** Names of features that it depends on. */
  readonly requires: readonly string[]
  /** Environment variables of this feature alone. */
  readonly settings: Settings
  /** @throws ConfigError with the name of the first invalid setting */
  readonly open: (services: Services, env: NodeJS.ProcessEnv) => OpenFeature
  /**
   * Checks its settings, for `sessions doctor`.
   *
   * @throws ConfigError with the name of the first invalid setting
   */
  readonly check: (config: Config, env: NodeJS.ProcessEnv) => Promise<readonly Finding[]>
}

/** Options for {@link defineFeature}. */
export interface FeatureDefinition<V extends Variables> {
  readonly name: string
  readonly requires?: readonly string[]
  readonly settings?: Settings<V>
  readonly open: (services: Services, settings: Values<V>) => OpenFeature
  /** What `sessions doctor` says of valid settings; must change nothing. */
  readonly check?: (config: Config, settings: Values<V>) => Promise<readonly Finding[]>
}

/**
 * Defines a feature; its styles, translations, seed, views, migrations and tests are found by its name.
 *
 * @param definition `settings` are read from the environment when the feature is opened
 */
export function defineFeature<V extends Variables = Record<never, never>>(definition: FeatureDefinition<V>): Feature {
  const { name, requires = [], settings, open, check = async () => [] } = definition
  // Without settings V has no variables.
  const read = (env: NodeJS.ProcessEnv) =>
    settings === undefined ? ({} as Values<V>) : readValues(settings.variables, env)
  return {
    name,
    requires,
    settings: settings ?? defineSettings({}),
    open: (services, env) => open(services, read(env)),
    check: async (config, env) => await check(config, read(env)),
  }
}

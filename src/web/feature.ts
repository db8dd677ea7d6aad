import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { Services } from '../services.ts'
import type { Session, SessionsOptions } from '../session/index.ts'
import { defineSettings, readValues, type Settings, type Values, type Variables } from '../settings.ts'
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

/** A part of the application that can be removed: what `src/features/index.ts` lists. */
export interface Feature {
  /** That of its folders in `src/features`, `views`, `migrations` and `test/features`. */
  readonly name: string
  /** Features that must be there as well. */
  readonly requires: readonly string[]
  /** Environment variables that nothing else reads. */
  readonly settings: Settings
  /** @throws ConfigError naming the first of its settings that is wrong */
  readonly open: (services: Services, env: NodeJS.ProcessEnv) => OpenFeature
}

/** What {@link defineFeature} takes. */
export interface FeatureDefinition<V extends Variables> {
  readonly name: string
  readonly requires?: readonly string[]
  readonly settings?: Settings<V>
  readonly open: (services: Services, settings: Values<V>) => OpenFeature
}

/**
 * Defines a feature; its styles, messages, seed, views, migrations and tests are found by its name.
 *
 * @param definition its name and how it opens; `settings` are read from the environment when it does
 */
export function defineFeature<V extends Variables = Record<never, never>>(definition: FeatureDefinition<V>): Feature {
  const { name, requires = [], settings, open } = definition
  if (settings === undefined) {
    // Then there is no variable in V.
    return { name, requires, settings: defineSettings({}), open: (services) => open(services, {} as Values<V>) }
  }
  return { name, requires, settings, open: (services, env) => open(services, readValues(settings.variables, env)) }
}

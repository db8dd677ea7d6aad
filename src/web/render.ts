import { join } from 'node:path'
import type { Context, DefaultContext, Middleware } from 'koa'
import nunjucks from 'nunjucks'
import type { Config } from '../config.ts'
import { projectRoot } from '../paths.ts'
import type { Session } from '../session/index.ts'
import type { User } from '../users.ts'
import { browserDisplay, type Display } from './display.ts'
import type { NavItem, OpenFeature, ViewPart } from './feature.ts'
import { addFilters } from './filters.ts'
import { takeFlashes } from './flash.ts'
import type { Translate } from './i18n.ts'
import { knownLanguage, type Language } from './languages.ts'
import { SITE_NAME } from './site.ts'

type Locals = Readonly<Record<string, unknown>>

declare module 'koa' {
  interface DefaultContext {
    /** Renders a page. With `sessionless` it has this display and no menu, and never touches the session. */
    render: (view: string, locals?: Locals, options?: { sessionless?: Display }) => Promise<void>
    /** What features add to the account page of this user. */
    accountParts: (user: User) => Promise<readonly ViewPart[]>
    /** How this browser gets pages that never touch the session. */
    browserDisplay: () => Display
    /** The visitor's preferences. */
    display: () => Promise<Display>
    /** The last result of `display` in this request. */
    lastDisplay?: Display
    /** A translator for this visitor's language. */
    translate: () => Promise<Translate>
  }
}

interface Page {
  readonly display: Display
  readonly nav: readonly NavItem[]
  readonly session: Session | undefined
  readonly user: User | null
}

/** Options for {@link rendering}. */
export interface RenderingOptions {
  readonly translations: (language: Language) => Translate
  readonly features: readonly OpenFeature[]
  readonly userOf: (ctx: Context) => Promise<User | null>
}

/** Adds `ctx.render`, `ctx.display`, `ctx.translate` and `ctx.accountParts`. */
export function rendering(config: Config, { translations, features, userOf }: RenderingOptions): Middleware {
  const environment = nunjucks.configure(join(projectRoot, 'views'), {
    autoescape: true,
    throwOnUndefined: true,
    noCache: config.mode === 'development',
    trimBlocks: true,
    lstripBlocks: true,
  })
  addFilters(environment)
  environment.addGlobal('siteName', SITE_NAME)
  environment.addGlobal('passwordMinLength', config.passwordMinLength)

  const defaults: Partial<Display> = Object.assign({}, ...features.map(({ defaultDisplay }) => defaultDisplay))

  const pageOf = async (ctx: Context): Promise<Page> => {
    const session = await ctx.session()
    const user = await userOf(ctx)
    const requested = ctx.browserDisplay()
    const language = knownLanguage(user?.language) ?? requested.language
    const parts = await Promise.all(features.map((feature) => feature.page?.(ctx, session) ?? {}))
    const display: Display = Object.assign({ ...requested, language }, ...parts.map((part) => part.display ?? {}))
    ctx.lastDisplay = display
    return { session, user, display, nav: parts.flatMap((part) => part.nav ?? []) }
  }

  return async (ctx, next) => {
    // Not assigned one by one, as in the session's middleware.
    const added: Pick<DefaultContext, 'accountParts' | 'browserDisplay' | 'display' | 'render' | 'translate'> = {
      browserDisplay: () => ({ ...browserDisplay(ctx), ...defaults }),
      display: async () => (await pageOf(ctx)).display,
      async accountParts(user) {
        const parts = await Promise.all(features.map((feature) => feature.accountPage?.(ctx, user)))
        return parts.filter((part) => part !== undefined)
      },
      translate: async () => translations((await ctx.display()).language),
      async render(view, locals = {}, { sessionless } = {}) {
        const { display, nav, user, session } =
          sessionless === undefined ? await pageOf(ctx) : withoutSession(sessionless)
        const t = translations(display.language)
        const context: Record<string, unknown> = Object.assign(Object.create(null), {
          display,
          t,
          nav,
          user: user === null ? null : { name: user.username, isStaff: user.isStaff },
          flashes: session === undefined ? [] : takeFlashes(ctx, session),
          path: ctx.path,
          footerParts: features.flatMap((feature) => feature.footer?.(display, t) ?? []),
          ...locals,
        })
        ctx.type = 'html'
        ctx.body = environment.render(view, context)
      },
    }
    Object.assign(ctx, added)
    await next()
  }
}

function withoutSession(display: Display): Page {
  return { display, nav: [], user: null, session: undefined }
}

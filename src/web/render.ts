import { join } from 'node:path'
import type { Context, Middleware } from 'koa'
import nunjucks from 'nunjucks'
import type { Config } from '../config.ts'
import { projectRoot } from '../paths.ts'
import type { Session } from '../session/index.ts'
import type { User } from '../users.ts'
import { DEFAULT_DISPLAY, type Display, LANGUAGES } from './display.ts'
import type { Feature, NavItem } from './feature.ts'
import { addFilters } from './filters.ts'
import { takeFlashes } from './flash.ts'
import { LAYOUT_GERMAN, type Translate, translator } from './i18n.ts'

type Locals = Readonly<Record<string, unknown>>

declare module 'koa' {
  interface DefaultContext {
    /** Answers with a page. An impersonal one never touches the session, and can be cached by anybody. */
    render: (view: string, locals?: Locals, options?: { impersonal?: boolean }) => Promise<void>
    /** How this visitor wants pages to look. */
    display: () => Promise<Display>
    /** A translator for this visitor's language. */
    translate: () => Promise<Translate>
  }
}

interface Page {
  readonly display: Display
  readonly nav: readonly NavItem[]
  readonly session: Session
  readonly user: User | null
}

/** Puts `ctx.render`, `ctx.display` and `ctx.translate` on every request. */
export function rendering(
  config: Config,
  features: readonly Feature[],
  userOf: (ctx: Context) => Promise<User | null>,
): Middleware {
  const environment = nunjucks.configure(join(projectRoot, 'views'), {
    autoescape: true,
    throwOnUndefined: true,
    noCache: config.mode === 'development',
    trimBlocks: true,
    lstripBlocks: true,
  })
  addFilters(environment)
  const german = new Map(
    [LAYOUT_GERMAN, ...features.map((one) => one.german ?? {})].flatMap((one) => Object.entries(one)),
  )

  const pageOf = async (ctx: Context): Promise<Page> => {
    const session = await ctx.session()
    const user = await userOf(ctx)
    const language = LANGUAGES.find((known) => known === user?.language) ?? DEFAULT_DISPLAY.language
    const parts = await Promise.all(features.map((feature) => feature.page?.(ctx, session) ?? {}))
    const display: Display = Object.assign({ ...DEFAULT_DISPLAY, language }, ...parts.map((part) => part.display ?? {}))
    return { session, user, display, nav: parts.flatMap((part) => part.nav ?? []) }
  }

  return async (ctx, next) => {
    ctx.display = async () => (await pageOf(ctx)).display
    ctx.translate = async () => translator((await ctx.display()).language, german)
    ctx.render = async (view, locals = {}, options = {}) => {
      const page = options.impersonal ? undefined : await pageOf(ctx)
      const display = page?.display ?? DEFAULT_DISPLAY
      const user = page?.user ?? null
      const t = translator(display.language, german)
      const context: Record<string, unknown> = Object.assign(Object.create(null), {
        display,
        t,
        nav: page?.nav ?? [],
        user: user === null ? null : { name: user.username, isStaff: user.isStaff },
        flashes: page === undefined ? [] : takeFlashes(page.session),
        path: ctx.path,
        feet: features.flatMap((feature) => feature.foot?.(display, t) ?? []),
        ...locals,
      })
      ctx.type = 'html'
      ctx.body = environment.render(view, context)
    }
    await next()
  }
}

import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'
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
export interface Foot {
  readonly view: string
  readonly [local: string]: unknown
}

/** A part of the application that can be deleted: its folder, its views, its tests and one line in app.ts. */
export interface Feature {
  readonly routes: ReturnType<Router['routes']>
  /** Stands above the session and its error pages: for what measures every request, or answers without a session. */
  readonly outermost?: Middleware
  /** Asked once per rendered page; must not do more I/O than it has to. */
  readonly page?: (ctx: Context, session: Session) => PagePart | Promise<PagePart>
  /** Asked last of all before a page is rendered, error pages too; must not touch the session. */
  readonly foot?: (display: Display, t: Translate) => Foot | undefined
  /** Told of every request's session; see {@link SessionsOptions}. */
  readonly explain?: SessionsOptions['explain']
  /** German for every English text of the feature's views and messages. */
  readonly german?: Readonly<Record<string, string>>
}

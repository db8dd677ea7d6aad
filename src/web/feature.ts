import type Router from '@koa/router'
import type { Context } from 'koa'
import type { Session } from '../session/index.ts'
import type { Display } from './display.ts'

/** A link in the header of every page. */
export interface NavItem {
  readonly href: string
  /** English text, translated where it is shown. */
  readonly label: string
  readonly badge?: number
  readonly place: 'main' | 'account'
}

/** What a feature adds to every page that has a session. */
export interface PagePart {
  readonly display?: Partial<Display>
  readonly nav?: readonly NavItem[]
}

/** A part of the application that can be deleted: its folder, its views, its tests and one line in app.ts. */
export interface Feature {
  readonly routes: ReturnType<Router['routes']>
  /** Asked once per rendered page; must not do more I/O than it has to. */
  readonly page?: (ctx: Context, session: Session) => PagePart | Promise<PagePart>
  /** German for every English text of the feature's views and messages. */
  readonly german?: Readonly<Record<string, string>>
}

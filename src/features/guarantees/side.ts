import type { Context } from 'koa'

export const PAGE = '/guarantees'

/** Seconds until a demonstration session expires. */
export const SESSION_SECONDS = 300

/** What is left of a demonstration. */
export interface State {
  readonly items: readonly number[]
  readonly signedIn: boolean
  /** How many sessions its user is signed in with; null if these cannot be listed. */
  readonly sessions: number | null
}

/** An addition to the session. */
export interface Addition {
  readonly item: number
  /** Milliseconds between reading the session and changing it, as for other work of a request. */
  readonly work: number
}

/** A session library under demonstration: the same requests for each, on a session apart from the visitor's. */
export interface Side {
  /** Starts a new, empty session. */
  begin(ctx: Context): Promise<void>
  /** @throws HttpError 409 if no session has begun or if it has ended */
  add(ctx: Context, addition: Addition): Promise<void>
  /**
   * @param attempt counts it, or throws; called when the session has been read, so that overlapping ones stay so
   * @throws HttpError 409 if no session has begun or if it has ended
   */
  signIn(ctx: Context, attempt: () => Promise<void>): Promise<void>
  signOut(ctx: Context): Promise<void>
  state(ctx: Context): Promise<State>
  /** Ends the demonstration, if one is left: until it ends or expires, it counts among the sessions of the site. */
  end(ctx: Context): Promise<void>
}

/** The message of the 409. */
export const NOT_BEGUN = 'This demonstration has ended, or has not begun.'

const MAX_ITEMS = 200
const TOO_MANY = 'A demonstration takes at most 200 additions.'

/** @throws HttpError 409 or 422 unless this demonstration takes another addition */
export function requireRoom(ctx: Context, items: readonly number[] | undefined): void {
  if (items === undefined) ctx.throw(409, NOT_BEGUN)
  else if (items.length >= MAX_ITEMS) ctx.throw(422, TOO_MANY)
}

import type { Context } from 'koa'
import { flash } from './flash.ts'

const ENDED =
  'Your earlier session has ended, so this was saved without an account. If you were signed in, sign in again: it is added to your account then.'

/**
 * Redirects with 303, as after a POST; with an optional message for the next page. A message alone starts no session: a
 * visitor without one has changed nothing, and strangers could fill the store with messages. Whoever sent the form with a
 * session that has ended is told so, too.
 */
export async function seeOther(
  ctx: Context,
  path: string,
  message?: string,
  values?: Readonly<Record<string, string>>,
) {
  const session = await ctx.session()
  if (message !== undefined && !session.isEmpty) {
    if (session.lost !== undefined && session.account === undefined) await flash(ctx, 'error', ENDED)
    await flash(ctx, 'done', message, values)
  }
  ctx.redirect(path)
  ctx.status = 303
}

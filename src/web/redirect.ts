import type { Context } from 'koa'
import { flash } from './flash.ts'

/**
 * Redirects with 303, as after a POST; with an optional message for the next page. A message alone starts no session: a
 * visitor without one has changed nothing, and strangers could fill the store with messages.
 */
export async function seeOther(
  ctx: Context,
  path: string,
  message?: string,
  values?: Readonly<Record<string, string>>,
) {
  if (message !== undefined && !(await ctx.session()).isEmpty) await flash(ctx, 'done', message, values)
  ctx.redirect(path)
  ctx.status = 303
}

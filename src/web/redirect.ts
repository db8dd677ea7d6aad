import type { Context } from 'koa'
import { flash } from './flash.ts'

/** Redirects with 303, as after a POST; with an optional message for the next page. */
export async function seeOther(
  ctx: Context,
  path: string,
  message?: string,
  values?: Readonly<Record<string, string>>,
) {
  if (message !== undefined) await flash(ctx, 'done', message, values)
  ctx.redirect(path)
  ctx.status = 303
}

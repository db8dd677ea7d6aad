import type { Context } from 'koa'
import { flash } from './flash.ts'

/** Sends the browser on with a GET (303), as after a POST; with a message for the page it comes to, if there is one. */
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

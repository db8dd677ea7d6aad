import { type Context, HttpError } from 'koa'
import { PasswordQueueFullError } from '../passwords.ts'
import { wantsJson } from './input.ts'

const QUEUE_FULL = 'Too many people are signing in right now. Please try again in a moment.'

/**
 * What a form says that is shown again because the visitor has to wait, instead of an error page without what was typed.
 * Sets the status and Retry-After.
 *
 * @throws the error itself if it is another one, and every one for JSON clients
 */
export function waitMessage(ctx: Context, error: unknown): string {
  const isFull = error instanceof PasswordQueueFullError
  if (wantsJson(ctx) || !(isFull || (error instanceof HttpError && error.status === 429))) throw error
  ctx.status = error.status
  ctx.set({ ...error.headers })
  return isFull ? QUEUE_FULL : error.message
}

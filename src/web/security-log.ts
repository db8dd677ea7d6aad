import type { Context } from 'koa'
import { truncateAddress } from './truncate-address.ts'

/** What is logged about the security of accounts (ASVS 5, V16.3). */
export type SecurityEvent =
  | 'signed in'
  | 'sign-in refused'
  | 'signed out'
  | 'password changed'
  | 'password reset'
  | 'account deleted'
  | 'password refused'
  | 'sessions ended'
  | 'cross-origin request refused'
  | 'plain http refused'
  | 'too many attempts'
  | 'access refused'

/** Emitted by the Koa application with a {@link LoggedSecurity}. */
export const SECURITY_LOGGED = 'security'

const USUAL: ReadonlySet<SecurityEvent> = new Set([
  'signed in',
  'signed out',
  'password changed',
  'password reset',
  'account deleted',
  'sessions ended',
])

/** A logged event, as features receive it. */
export interface LoggedSecurity {
  readonly event: SecurityEvent
  /** Milliseconds since 1970. */
  readonly at: number
  /** Whether it is what users do every day, and not a refusal. */
  readonly usual: boolean
  readonly userId: string | null
  /** Truncated. */
  readonly address: string | null
  /** The member of staff who did it to the user. */
  readonly by: string | null
}

/** What an event has beside its time, request and address. */
export interface SecurityDetails {
  readonly userId?: string | null
  readonly [detail: string]: string | null | undefined
}

/**
 * Logs that a user asked for what is somebody else's, or for staff.
 *
 * @param status 404 where the user must not learn whether it exists
 * @throws HttpError
 */
export function refuseAccess(ctx: Context, userId: string, status: 403 | 404, message = ''): never {
  logSecurity(ctx, 'access refused', { userId })
  return ctx.throw(status, message)
}

/**
 * Logs who did what, and from where: request id, path, truncated address, user if known. Never a key, a cookie or what was
 * typed.
 */
export function logSecurity(
  ctx: Context,
  event: SecurityEvent,
  { userId = null, ...more }: SecurityDetails = {},
): void {
  const address = truncateAddress(ctx.ip)
  const usual = USUAL.has(event)
  const details = { security: event, userId, address, method: ctx.method, path: ctx.path, ...more }
  ctx.log[usual ? 'info' : 'warn'](details, event)
  const logged: LoggedSecurity = { event, at: Date.now(), usual, userId, address, by: more['by'] ?? null }
  ctx.app.emit(SECURITY_LOGGED, logged)
}

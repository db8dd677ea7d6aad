import type { Context } from 'koa'
import type { ListedSession, UserSessions } from '../../session/index.ts'
import { passwordConfirmedAt } from '../../web/current-user.ts'
import type { Translate } from '../../web/i18n.ts'
import { truncateAddress } from '../../web/truncate-address.ts'
import { type DeviceKind, deviceKind } from './recognise.ts'

/** A live session as its user sees it. Times are milliseconds since 1970. */
export interface Device extends DeviceKind {
  /** The public id of the session; null if the engine does not list the current session. */
  readonly id: string | null
  readonly current: boolean
  readonly address: string | null
  readonly signedInAt: number | null
  readonly lastActivity: number
}

/** The user's devices: the current one, which every engine knows, and the others by last activity. */
export async function devicesOf(
  ctx: Context,
  { listed }: UserSessions,
): Promise<{ current: Device; others: Device[] }> {
  const t = await ctx.translate()
  const device = (session: ListedSession): Device => ({
    ...deviceKind(session.userAgent, t),
    id: session.id,
    current: session.current,
    address: truncateAddress(session.ipAddress),
    signedInAt: session.createdAt || null,
    lastActivity: session.lastActivity,
  })
  const others = listed
    .filter((session) => !session.current)
    .sort((one, other) => other.lastActivity - one.lastActivity)
  const current = listed.find((session) => session.current)
  return { current: await thisDevice(ctx, t, current && device(current)), others: others.map(device) }
}

/** From the request, which is newer than the record. */
async function thisDevice(ctx: Context, t: Translate, listed: Device | undefined): Promise<Device> {
  return {
    ...deviceKind(ctx.get('User-Agent'), t),
    id: listed?.id ?? null,
    current: true,
    address: truncateAddress(ctx.ip),
    signedInAt: passwordConfirmedAt(await ctx.session()) ?? listed?.signedInAt ?? null,
    lastActivity: Date.now(),
  }
}

import type { Context } from 'koa'
import type { ListedSession, UserSessions } from '../../session/index.ts'
import { provedAt } from '../../web/current-user.ts'
import type { Translate } from '../../web/i18n.ts'
import { type DeviceKind, deviceKind, truncated } from './recognise.ts'

/** A live session, as its owner sees it. Times are milliseconds since 1970. */
export interface Device extends DeviceKind {
  /** The session's public id, to end it by; null where the engine does not list this very session. */
  readonly id: string | null
  readonly current: boolean
  readonly address: string | null
  readonly signedInAt: number | null
  readonly lastActivity: number
}

/** The user's devices: this one first, which is there on every engine, then the others by their last activity. */
export async function devicesOf(
  ctx: Context,
  { listed }: UserSessions,
): Promise<{ current: Device; others: Device[] }> {
  const t = await ctx.translate()
  const device = (session: ListedSession): Device => ({
    ...deviceKind(session.userAgent, t),
    id: session.id,
    current: session.current,
    address: truncated(session.ipAddress),
    signedInAt: session.createdAt || null,
    lastActivity: session.lastActivity,
  })
  const others = listed
    .filter((session) => !session.current)
    .sort((one, other) => other.lastActivity - one.lastActivity)
  const own = listed.find((session) => session.current)
  return { current: await thisDevice(ctx, t, own && device(own)), others: others.map(device) }
}

/** Seen right now, so the request knows better than what was written last. */
async function thisDevice(ctx: Context, t: Translate, listed: Device | undefined): Promise<Device> {
  return {
    ...deviceKind(ctx.get('User-Agent'), t),
    id: listed?.id ?? null,
    current: true,
    address: truncated(ctx.ip),
    signedInAt: provedAt(await ctx.session()) ?? listed?.signedInAt ?? null,
    lastActivity: Date.now(),
  }
}

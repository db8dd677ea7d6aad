import { type Client, NO_CLIENT } from '../engines/engine.ts'
import type { Session } from '../session.ts'
import { cookieValues } from './cookie.ts'
import { openCookies } from './open-cookies.ts'
import { OpenedSession } from './opened-session.ts'
import type { SessionSettings } from './session-settings.ts'

/**
 * A session outside a request.
 *
 * @example
 * const isLive = async (visitor: DetachedSession) => (await visitor.refresh()) === 'live'
 */
export interface DetachedSession {
  /** Changes are stored by `await session.save()`. */
  readonly session: Session
  /**
   * Reads the session again, with what other requests have stored.
   *
   * @returns `ended` if it has ended or expired: changes throw from now on; `rekeyed` if its key has changed, so that its
   *   data are from before: close the socket, and the browser reconnects with its new cookie
   * @throws StoreUnavailableError when the storage does not answer
   */
  refresh(): Promise<'live' | 'rekeyed' | 'ended'>
  /** Makes the session read-only. */
  close(): void
}

/**
 * Opens the session of a Cookie header where there is no response: WebSocket upgrades, jobs, tests.
 *
 * No cookie can be sent, so a session that is not stored yet, or that is in the cookie itself, is read-only: changing it
 * throws.
 *
 * @param cookies the Cookie header
 * @param client stored with the session when it is saved; no address and user agent by default
 * @throws StoreUnavailableError when the storage does not answer
 * @example
 * const visitor = await openSession(settings, ctx.headers.cookie)
 * visitor.session.update('sockets', (n) => Number(n ?? 0) + 1)
 * await visitor.session.save()
 */
export async function openSession(
  settings: SessionSettings,
  cookies: string | undefined,
  client: Client = NO_CLIENT,
): Promise<DetachedSession> {
  const values = cookieValues(cookies, settings.cookie.name)
  const found = await openCookies(settings, values)
  const transport = { client, cookies: values.length, canSendCookie: () => false, sendCookie: () => {} }
  const { session, state } = new OpenedSession(found, settings, transport)
  return {
    session,
    close: () => state.close(),
    async refresh() {
      await state.idle()
      const again = await openCookies(settings, values)
      if (!again.live || again.account === 'unproven' || again.account === 'changing') {
        state.close()
        return 'ended'
      }
      state.stored(again.loaded, true)
      // An old key is shown nothing that came after it.
      if (typeof again.account === 'object' && !again.loaded.forwarded) state.account.refresh(again.account)
      return again.loaded.forwarded ? 'rekeyed' : 'live'
    },
  }
}

import type { Client } from '../engines/engine.ts'
import type { Session } from '../session.ts'
import { cookieValues } from './cookie.ts'
import { openCookies } from './open-cookies.ts'
import { OpenedSession, type SessionSettings } from './opened-session.ts'

/** A session outside a request. */
export interface DetachedSession {
  /** Change it as in a handler; nothing is stored before `await session.save()`. */
  readonly session: Session
  /**
   * Reads the session again, and what other requests have stored in it.
   *
   * @returns `ended` when it has ended or expired: nothing can be changed any more; `rekeyed` when its key has changed
   *   since, so that what is read is as it was then: close the socket, the browser comes back with its new cookie
   * @throws StoreUnavailableError
   */
  refresh(): Promise<'live' | 'rekeyed' | 'ended'>
  /** From now on it can be read only. */
  close(): void
}

const NOBODY: Client = { ipAddress: null, userAgent: null }

/**
 * Opens the session that a cookie header leads to, for what has no answer to send: WebSocket upgrades, jobs, tests.
 *
 *     server.on('upgrade', async (request, socket) => {
 *       const visitor = await openSession(settings, request.headers.cookie)
 *       if (visitor.session.userId === null) return socket.destroy()
 *       visitor.session.update('sockets', (n) => Number(n ?? 0) + 1)
 *       await visitor.session.save()
 *     })
 *
 * No cookie can be sent, so a session that is not stored yet, or that the cookie itself holds, can only be read: changing
 * it throws.
 *
 * @param cookies the Cookie header as it came
 * @param client written beside the session where it is saved; nobody by default
 * @throws StoreUnavailableError
 */
export async function openSession(
  settings: SessionSettings,
  cookies: string | undefined,
  client: Client = NOBODY,
): Promise<DetachedSession> {
  const values = cookieValues(cookies, settings.cookie.name)
  const found = await openCookies(settings, values)
  const surroundings = { client, cookies: values.length, canSendCookie: () => false, sendCookie: () => {} }
  const { session, state } = new OpenedSession(found, settings, surroundings)
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
      if (typeof again.account === 'object' && !again.loaded.forwarded) state.account.renew(again.account)
      return again.loaded.forwarded ? 'rekeyed' : 'live'
    },
  }
}

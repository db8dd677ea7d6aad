import type { ExecutionContext } from 'ava'
import { signIn } from '../features/account/steps.ts'
import { addUsers } from '../features/account/throttle-suite.ts'
import { startApp } from '../support/app.ts'
import { storm } from '../support/storm.ts'

const USERS = storm ? 12 : 6
const REQUESTS = storm ? 50 : 24
const CONCURRENCY = 32

/** Users whose requests overlap, a quarter of them cut off by the client: no answer is somebody else's. */
export async function noCrossTalk(t: ExecutionContext, env: Record<string, string>): Promise<void> {
  const app = await startApp(env)
  try {
    await addUsers(app, USERS)
    const cookies: string[] = []
    for (let n = 0; n < USERS; n++) {
      const browser = app.browser()
      await signIn(browser, `user-${n}`, 'a good passphrase')
      cookies.push(await browser.cookie())
    }
    const seen = { own: 0, cut: 0 }
    let next = 0
    const work = async () => {
      for (let n = next++; n < USERS * REQUESTS; n = next++) {
        const user = n % USERS
        const client = new AbortController()
        const cut = n % 4 === 0 ? setTimeout(() => client.abort(), n % 7) : undefined
        const headers = { cookie: cookies[user] ?? '', accept: 'application/json' }
        try {
          const answer = await fetch(`${app.origin}/account`, { headers, signal: client.signal })
          const { user: found } = (await answer.json()) as { user?: { username: string } }
          t.is(found?.username, `user-${user}`, `status ${answer.status}`)
          seen.own++
        } catch (error) {
          if (!client.signal.aborted) throw error
          seen.cut++
        } finally {
          clearTimeout(cut)
        }
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, work))
    t.true(seen.cut > 0 && seen.own >= (USERS * REQUESTS * 3) / 4, JSON.stringify(seen))
  } finally {
    await app.close()
  }
}

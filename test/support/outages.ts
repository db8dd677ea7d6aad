import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { suspendServer } from '../../scripts/test-services/processes.mjs'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { sessions } from '../../src/session/index.ts'
import cache from '../../src/storage/engines/cache.ts'
import { send } from './client.ts'
import { serve } from './koa.ts'
import { openSite } from './session-site.ts'

/** A cache server that a test may stop, and start again on the same port. */
export interface OutageServer {
  readonly port: number
  readonly child: ChildProcess
}

interface OutageSuite {
  readonly name: string
  start(t: ExecutionContext, port?: number): Promise<OutageServer>
  url(port: number): string
}

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
// Sessions must work again this soon after the server does.
const RECOVERY = 5000
const CONCURRENT = 5

/** The engine `cache` as the settings open it, in a Koa, while its one server pauses or restarts. */
export function outageSuite({ name, start, url }: OutageSuite): void {
  async function site(t: ExecutionContext, env: Record<string, string> = {}) {
    const server = await start(t)
    const settings = { SESSION_ENGINE: cache.name, CACHE_URL: url(server.port), DATABASE_URL: 'sqlite::memory:' }
    const config = readConfig({ SECRET_KEY, LOG_LEVEL: 'silent', SESSION_STORE_TIMEOUT: '10000', ...settings, ...env })
    const services = await openServices(config)
    t.teardown(() => services.close())
    await services.ready()
    const { origin, close } = await serve(sessions({ ...config.session, engine: services.engine }), async (ctx) => {
      const session = await ctx.session()
      if (ctx.path === '/begin') session.set('n', 1)
      ctx.body = String(session.get('n'))
    })
    t.teardown(close)
    const begun = await send(`${origin}/begin`)
    const cookie = begun.headers.getSetCookie()[0]?.split(';', 1)[0] ?? ''
    const read = async () => {
      const { status, text } = await send(origin, { headers: { cookie } })
      return { status, text }
    }
    const together = async () => await Promise.all(Array.from({ length: CONCURRENT }, read))
    return { server, services, begun: begun.status, read, together }
  }

  type Site = Awaited<ReturnType<typeof site>>

  /** Asks until this many milliseconds are over; gives every status that came. */
  async function askFor({ together }: Site, milliseconds: number): Promise<Set<number>> {
    const end = performance.now() + milliseconds
    const found = new Set<number>()
    do {
      for (const { status } of await together()) found.add(status)
      await pause(20)
    } while (performance.now() < end)
    return found
  }

  /** Asks until the answer is 200, or what is promised is broken. */
  async function recovers(t: ExecutionContext, { read, together }: Site): Promise<string> {
    const back = performance.now()
    for (;;) {
      const { status, text } = await read()
      if (status === 200) {
        const after = await together()
        t.true(
          after.every((answer) => answer.status === 200 && answer.text === text),
          'it stays so',
        )
        return text
      }
      t.is(status, 503)
      if (performance.now() - back > RECOVERY) throw new Error(`still 503 after ${RECOVERY} ms`)
      await pause(20)
    }
  }

  for (const milliseconds of [700, 3000]) {
    test.serial(`${name}: a pause of ${milliseconds} ms costs not much more than that`, async (t) => {
      const own = await site(t)
      t.is(own.begun, 200)
      await suspendServer(own.server.child)
      t.deepEqual([...(await askFor(own, milliseconds))], [503])
      own.server.child.kill('SIGCONT')
      t.is(await recovers(t, own), '1', 'and nobody is signed out')
    })
  }

  test.serial(`${name}: a server that was killed and started again is found`, async (t) => {
    const own = await site(t)
    const { child, port } = own.server
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    t.deepEqual([...(await askFor(own, 1000))], [503])
    await start(t, port)
    await recovers(t, own)
  })
}

interface ShareSuite {
  readonly name: string
  /** Starts three servers that share the keys. */
  start(t: ExecutionContext): Promise<{ readonly servers: readonly OutageServer[]; readonly url: string }>
}

/** The engine `cache` as the settings open it, while one of three servers answers nothing. */
export function shareSuite({ name, start }: ShareSuite): void {
  test.serial(
    `${name}: while one of three servers is silent, the sessions on the others answer throughout`,
    async (t) => {
      const { servers, url } = await start(t)
      const [, silent] = servers
      if (silent === undefined) throw new Error('it takes three servers')
      const site = await openSite({
        SECRET_KEY,
        SESSION_ENGINE: cache.name,
        CACHE_URL: url,
        DATABASE_URL: 'sqlite::memory:',
        // A busy machine must not look like a silent server.
        CACHE_COMMAND_TIMEOUT: '1500',
      })
      t.teardown(() => site.close())
      const begun = await Promise.all(Array.from({ length: 40 }, () => fetch(`${site.origin}/change?word=x`)))
      const cookies = begun.map(({ headers }) => headers.getSetCookie()[0]?.split(';', 1)[0] ?? '')
      const read = async (cookie: string) => (await fetch(`${site.origin}/read`, { headers: { cookie } })).status
      const readAll = () => Promise.all(cookies.map(read))
      t.true((await readAll()).every((status) => status === 200))
      await suspendServer(silent.child)
      const first = await readAll()
      t.true(first.filter((status) => status === 200).length > cookies.length / 3)
      t.true(first.includes(503))
      for (let round = 0; round < 8; round++) t.deepEqual(await readAll(), first, String(round))
      t.is(site.services.cache?.state, 'down', 'so that it shows')
      silent.child.kill('SIGCONT')
      const back = performance.now()
      while (!(await readAll()).every((status) => status === 200)) {
        if (performance.now() - back > RECOVERY) throw new Error(`some are still 503 after ${RECOVERY} ms`)
        await pause(20)
      }
    },
  )
}

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import Koa, { type Context, type Middleware } from 'koa'
import type { CookieJar } from 'tough-cookie'
import { createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { migrate } from '../../src/database.ts'
import { loadFeatures } from '../../src/features/index.ts'
import { hashPassword } from '../../src/passwords.ts'
import { seed } from '../../src/seed.ts'
import { openServices, type Services } from '../../src/services.ts'
import { type Session, sessions } from '../../src/session/index.ts'
import type { TestedEngine } from '../storage/set-ups.ts'
import { TEST_SECRET, TestBrowser } from '../support/app.ts'
import { fillMigrated, type TestDatabase, testDatabase } from '../support/databases.ts'
import notes from '../support/notes.ts'

/** A page; its result is the response, as JSON. */
export type Page = (session: Session, ctx: Context, services: Services) => unknown

/** Pages by their path. */
export type Pages = Readonly<Record<string, Page>>

/** A server of this deployment. */
export interface Site {
  readonly origin: string
  readonly services: Services
  readonly server: Server
  /** A browser with an empty cookie jar, or with this one. */
  browser(jar?: CookieJar): TestBrowser
}

export const PASSWORD = 'a password of the scenarios'
let passwordHash: Promise<string> | undefined

/** Too large for the cookie of any engine here, even compressed. */
const BALLAST = randomBytes(600).toString('base64url')

/** One engine and its storage, as the settings open it, in up to two processes. */
export class Deployment {
  readonly engine: TestedEngine
  readonly #processes: Services[] = []
  #storage: Promise<{ env: Record<string, string>; drop(): Promise<void> }> | undefined

  constructor(engine: TestedEngine) {
    this.engine = engine
  }

  /**
   * A small Koa application with these pages by their path.
   *
   * @param process 0 or 1
   * @param around middleware between the sessions and the pages
   */
  async site(
    t: ExecutionContext,
    pages: Pages,
    process = 0,
    around?: (services: Services) => Middleware,
  ): Promise<Site> {
    const services = await this.#process(process)
    const { config, engine, observe } = services
    const koa = new Koa()
    koa.silent = true
    koa.use(sessions({ ...config.session, engine, observe }))
    if (around !== undefined) koa.use(around(services))
    koa.use(async (ctx) => {
      const page = pages[ctx.path]
      if (page === undefined) return
      const answer = (await page(await ctx.session(), ctx, services)) ?? 'ok'
      if (ctx.respond !== false) ctx.body = JSON.stringify(answer)
    })
    return await listen(t, services, koa)
  }

  /** The whole application, and a visitor's notes; process 0 or 1. */
  async shop(t: ExecutionContext, process = 0): Promise<Site> {
    const services = await this.#process(process)
    return await listen(t, services, await createApp(services, {}, [...(await loadFeatures()), notes]))
  }

  /** An account that no other scenario has, with the password of the scenarios. */
  async account(): Promise<{ id: string; username: string }> {
    passwordHash ??= hashPassword(PASSWORD)
    const { users } = await this.#process(0)
    const username = `visitor-${randomBytes(6).toString('hex')}`
    return await users.create({ username, email: 'a@example.org', fullName: 'A', passwordHash: await passwordHash })
  }

  /** For the first page of a scenario: makes the session large where the engine stores only large ones on the server. */
  fill(session: Session): void {
    if (this.engine.large) session.set('ballast', BALLAST)
  }

  async close(): Promise<void> {
    for (const services of this.#processes) await services.close()
    await (await this.#storage)?.drop()
  }

  async #process(number: number): Promise<Services> {
    const wanted = this.engine.oneProcess ? 0 : number
    const open = this.#processes[wanted]
    if (open !== undefined) return open
    this.#storage ??= storageOf(this.engine)
    const { env } = await this.#storage
    const services = await openServices(readConfig(env))
    this.#processes[wanted] = services
    if (wanted === 0) {
      await migrate(services.knex)
      await seed(services.knex, { demoUsers: false })
    }
    await services.ready()
    return services
  }
}

async function storageOf({ env, database }: TestedEngine) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-scenario-'))
  const fresh = await found(database).fresh()
  if (database === undefined) await fillMigrated(fresh.url)
  return {
    env: {
      NODE_ENV: 'test',
      SECRET_KEY: TEST_SECRET,
      LOG_LEVEL: 'silent',
      // A busy machine needs longer than a visitor should wait.
      SESSION_STORE_TIMEOUT: '10000',
      SESSION_FILE_PATH: join(folder, 'sessions'),
      DATABASE_URL: fresh.url,
      ...env,
    },
    async drop() {
      await fresh.drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function found(database: TestedEngine['database'] = undefined): TestDatabase {
  const there = testDatabase(database ?? 'SQLite')
  if (there === undefined) throw new Error(`This run has no ${database}`)
  return there
}

async function listen(t: ExecutionContext, services: Services, koa: Koa): Promise<Site> {
  const server = createServer(koa.callback())
  // A busy machine must not close a connection at the moment that a client uses it again.
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  return { origin, services, server, browser: (jar) => new TestBrowser(origin, jar) }
}

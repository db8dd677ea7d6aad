import { once } from 'node:events'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Router from '@koa/router'
import type Koa from 'koa'
import type { Logger } from 'pino'
import { CookieJar } from 'tough-cookie'
import { createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { migrate } from '../../src/database.ts'
import { loadFeatures } from '../../src/features/index.ts'
import { openServices, type Services } from '../../src/services.ts'
import type { Feature } from '../../src/web/feature.ts'
import { type RequestOptions, send, type TextResponse } from './client.ts'
import { seeded, seedForTests } from './databases.ts'
import { TEST_SECRET } from './secret.ts'

/** The whole application on a separate database, listening on a free port. */
export interface TestApp {
  readonly origin: string
  readonly services: Services
  /** Every route of every router, as the application has it. */
  readonly routes: readonly Route[]
  /** A visitor, with an empty cookie jar or one from an earlier visit. */
  browser(jar?: CookieJar): TestBrowser
  close(): Promise<void>
}

/** A route; `path` has names such as `:id` for its parameters. */
export interface Route {
  readonly method: string
  readonly path: string
}

export { TEST_SECRET }

/**
 * Starts the application, migrated and seeded, with the demo users; silent unless a log is given.
 *
 * @param extra features beside those of the application
 */
export async function startApp(
  env: Record<string, string> = {},
  log?: Logger,
  extra: readonly Feature[] = [],
): Promise<TestApp> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-app-'))
  const file = join(folder, 'app.sqlite3')
  const config = readConfig({
    NODE_ENV: 'test',
    SECRET_KEY: TEST_SECRET,
    LOG_LEVEL: 'silent',
    // A busy machine needs longer than a visitor should wait.
    SESSION_STORE_TIMEOUT: '10000',
    SESSION_FILE_PATH: join(folder, 'sessions'),
    DATABASE_URL: `sqlite:${file}`,
    // One queue for all applications of a test file.
    PASSWORD_QUEUE: '1000',
    ...env,
  })
  const own = env['DATABASE_URL'] === undefined
  if (own) await copyFile(await seeded(), file)
  const services = await openServices(config, log)
  if (!own) {
    await migrate(services.knex)
    await seedForTests(services.knex)
  }
  const open = async () => {
    await services.ready()
    return await createApp(services, env, [...(await loadFeatures()), ...extra])
  }
  const app = await open().catch(async (error: unknown) => {
    await services.close()
    throw error
  })
  const server = createServer(app.callback())
  // A busy machine must not close a connection at the moment that a client uses it again.
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  return {
    origin,
    services,
    routes: routesOf(app),
    browser: (jar) => new TestBrowser(origin, jar),
    async close() {
      server.closeAllConnections()
      server.close()
      await services.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Read from the middleware itself, so that a route cannot be forgotten. */
function routesOf({ middleware }: Koa): Route[] {
  return middleware
    .flatMap((each) => ('router' in each && each.router instanceof Router ? each.router.stack : []))
    .flatMap(({ methods, path }) => methods.map((method) => ({ method, path: String(path) })))
}

export interface Answer extends TextResponse {
  /** The body as JSON; the caller names its shape. */
  json<T>(): T
}

/** An HTTP client with a cookie jar, which does not follow redirects. */
export class TestBrowser {
  readonly jar: CookieJar
  readonly origin: string

  constructor(origin: string, jar = new CookieJar()) {
    this.origin = origin
    this.jar = jar
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return await this.#send(path, { headers: { accept: 'text/html', ...headers } })
  }

  /** Sends a form, as a page of the application would. */
  async post(path: string, form: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<Answer> {
    const own = { accept: 'text/html', 'sec-fetch-site': 'same-origin', origin: this.origin, ...headers }
    return await this.#send(path, { method: 'POST', body: new URLSearchParams(form), headers: own })
  }

  async json(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = { accept: 'application/json', 'content-type': 'application/json' }
    return await this.#send(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  }

  /** The session cookie as `name=value`, or an empty string. */
  async cookie(): Promise<string> {
    const cookies = await this.jar.getCookies(this.origin)
    return cookies
      .filter(({ key }) => !key.endsWith('known-device'))
      .map((cookie) => cookie.cookieString())
      .join('; ')
  }

  async #send(path: string, init: RequestOptions & { headers: Record<string, string> }): Promise<Answer> {
    const cookie = init.headers['cookie'] ?? (await this.jar.getCookieString(this.origin + path))
    const headers = { ...init.headers, ...(cookie === '' ? {} : { cookie }) }
    const response = await send(this.origin + path, { ...init, headers })
    for (const line of response.headers.getSetCookie()) await this.jar.setCookie(line, this.origin + path)
    return { ...response, json: () => JSON.parse(response.text) }
  }
}

import { request } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import { startApp } from '../support/app.ts'
import { postPaths } from '../support/routes.ts'

const PRODUCTION = { NODE_ENV: 'production', SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough' }
const PUBLIC = 'https://app.example'
const COOKIE = `__Host-sessionid=${'a'.repeat(32)}`
const PATHS = await postPaths()

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
}

interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly cookies: readonly string[]
}

/** A client that chooses its own Host header. */
async function clientOf(t: ExecutionContext, env: Record<string, string>): Promise<(sent: Sent) => Promise<Answer>> {
  const app = await startApp(env)
  t.teardown(() => app.close())
  const { port } = new URL(app.origin)
  return ({ headers, ...sent }) =>
    new Promise((resolve, reject) => {
      const sending = request({ host: '127.0.0.1', port, ...sent, headers: { host: 'app.example', ...headers } })
      sending.on('response', (answer) => {
        answer.resume()
        const { location, 'set-cookie': cookies = [] } = answer.headers
        resolve({ status: Number(answer.statusCode), location, cookies })
      })
      sending.on('error', reject).end()
    })
}

for (const env of [
  { PUBLIC_ORIGIN: PUBLIC },
  { TRUSTED_PROXIES: '1' },
  { PUBLIC_ORIGIN: PUBLIC, TRUSTED_PROXIES: '1' },
]) {
  test(`in production nobody is served a session over plain http: ${Object.keys(env)} (ASVS 12.2.1)`, async (t) => {
    const send = await clientOf(t, { ...PRODUCTION, ...env })
    const plain = { 'x-forwarded-proto': 'http' }
    for (const method of ['GET', 'HEAD']) {
      for (const headers of [plain, { ...plain, cookie: COOKIE }, { 'x-forwarded-proto': 'https, http' }]) {
        const { status, location, cookies } = await send({ method, path: '/?a=1', headers })
        t.deepEqual([status, location, cookies], [307, `${PUBLIC}/?a=1`, []])
      }
    }
    t.is((await send({ path: '//evil.example/', headers: plain })).location, `${PUBLIC}//evil.example/`)
    t.is((await send({ path: 'http://evil.example/a', headers: plain })).location, `${PUBLIC}/a`)
    for (const headers of [plain, { ...plain, cookie: COOKIE }, {}, { cookie: COOKIE }]) {
      for (const path of PATHS) t.is((await send({ method: 'POST', path, headers })).status, 403, path)
    }
    // Nobody says whether it is plain: a redirect might go round in circles.
    t.is((await send({ headers: { cookie: COOKIE } })).status, 403)
    t.is((await send({})).status, 200)
    t.is((await send({ headers: { cookie: COOKIE, 'x-forwarded-proto': 'https' } })).status, 200)
    t.is((await send({ headers: { cookie: COOKIE, host: 'localhost:3000' } })).status, 200)
    t.is((await send({ path: '/healthz', headers: plain })).status, 200)
  })
}

test('behind two proxies the outer one knows the protocol: a page that came over https is not redirected to itself', async (t) => {
  const send = await clientOf(t, { ...PRODUCTION, PUBLIC_ORIGIN: PUBLIC, TRUSTED_PROXIES: '2' })
  const status = async (protocols: string) => (await send({ headers: { 'x-forwarded-proto': protocols } })).status
  for (const https of ['https, http', 'https, https', 'http, https, http', 'https'])
    t.is(await status(https), 200, https)
  for (const http of ['http, http', 'http, https', 'https, http, https', 'http']) t.is(await status(http), 307, http)
})

test('plain http is served in development, and in production where nothing says that there is https', async (t) => {
  const insecure = { SESSION_COOKIE_SECURE: 'false', ALLOW_INSECURE_COOKIES: 'true', TRUSTED_PROXIES: '1' }
  for (const env of [PRODUCTION, { ...PRODUCTION, ...insecure }, { PUBLIC_ORIGIN: PUBLIC, TRUSTED_PROXIES: '1' }]) {
    const send = await clientOf(t, env)
    t.is((await send({ headers: { cookie: COOKIE, 'x-forwarded-proto': 'http' } })).status, 200)
  }
})

test('PUBLIC_ORIGIN may be written with a slash, a default port or capitals: forms are taken and redirects are right', async (t) => {
  for (const origin of [`${PUBLIC}/`, `${PUBLIC}:443`, 'HTTPS://App.Example']) {
    const send = await clientOf(t, { ...PRODUCTION, PUBLIC_ORIGIN: origin, TRUSTED_PROXIES: '1' })
    const https = { 'x-forwarded-proto': 'https' }
    const form = { method: 'POST', path: '/nothing-here', headers: { ...https, origin: PUBLIC } }
    t.is((await send(form)).status, 404, origin)
    t.is((await send({ path: '/a', headers: { 'x-forwarded-proto': 'http' } })).location, `${PUBLIC}/a`)
  }
})

test('a forwarded host counts as this site only behind a trusted proxy and without PUBLIC_ORIGIN', async (t) => {
  const evil = { 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' }
  const forwarded = { 'x-forwarded-host': 'app.example', origin: PUBLIC, host: '10.0.0.7' }
  const status = async (env: Record<string, string>, headers: Record<string, string>) => {
    const send = await clientOf(t, env)
    return (await send({ method: 'POST', path: '/nothing-here', headers })).status
  }
  // 404: it was let through.
  for (const site of [{}, { 'sec-fetch-site': 'same-origin' }]) {
    t.is(await status({ PUBLIC_ORIGIN: PUBLIC, TRUSTED_PROXIES: '1' }, { ...evil, ...site }), 403)
    t.is(await status({ PUBLIC_ORIGIN: PUBLIC, TRUSTED_PROXIES: '1' }, { ...evil, ...site, origin: PUBLIC }), 404)
    t.is(await status({ PUBLIC_ORIGIN: PUBLIC }, { ...site, origin: 'https://10.0.0.7', host: '10.0.0.7' }), 403)
    t.is(await status({}, { ...evil, ...site }), 403)
    t.is(await status({ TRUSTED_PROXIES: '1' }, { ...forwarded, ...site }), 404)
  }
  t.is(await status({ PUBLIC_ORIGIN: PUBLIC }, { origin: PUBLIC, 'sec-fetch-site': 'cross-site' }), 403)
})

import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { ConfigError } from '../../src/settings.ts'
import { engines } from '../../src/storage/index.ts'
import { has } from '../storage/present.ts'
import { migratedSqlite } from '../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

async function start(t: ExecutionContext, env: Record<string, string>) {
  const base = { SECRET_KEY, HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'test', DATABASE_URL: await migratedSqlite(t) }
  const server = startProcess([TYPESCRIPT, 'src/server.ts'], { env: { ...base, ...env } })
  t.teardown(() => void server.child.kill('SIGKILL'))
  return server
}

/** A port without a listener. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-start-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** The engine refuses to start, with one sentence. `src/server.ts` prints it, as for all mistakes in the settings. */
async function refused(t: ExecutionContext, env: Record<string, string>, sentence: RegExp): Promise<void> {
  const base = {
    SECRET_KEY,
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    DATABASE_URL: await migratedSqlite(t),
    // A busy disk may take more than a second to open a new database.
    SESSION_STORE_TIMEOUT: '10000',
  }
  const open = async () => {
    const services = await openServices(readConfig({ ...base, ...env }))
    t.teardown(() => services.close())
    await services.ready()
  }
  const error = await t.throwsAsync(open, { instanceOf: ConfigError, message: sentence })
  t.notRegex(error?.message ?? '', /\n/)
}

if (has('cache', 'redis', 'memcached')) {
  test('the cache engine needs its cache', async (t) => {
    const port = await deadPort()
    const redis = { SESSION_ENGINE: 'cache', CACHE_URL: `redis://user:pass-of-redis@127.0.0.1:${port}` }
    const server = await start(t, redis)
    t.is(await server.ended(), 1)
    // Exactly one line, with nothing secret.
    t.regex(server.output(), new RegExp(`^The cache cannot be used: .*127\\.0\\.0\\.1:${port}.*\n$`))
    t.false(server.output().includes('pass-of-redis'))
    const memcached = { SESSION_ENGINE: 'cache', CACHE_URL: `memcached://127.0.0.1:${port}` }
    await refused(t, memcached, new RegExp(`^The cache cannot be used: .*127\\.0\\.0\\.1:${port}`))
  })
}

if (has('cache', 'redis')) {
  test('an invalid address is reported in one sentence with its variable', async (t) => {
    const wrong = (CACHE_URL: string, sentence: RegExp) => refused(t, { SESSION_ENGINE: 'cache', CACHE_URL }, sentence)
    await wrong('http://127.0.0.1', /^CACHE_URL is wrong: must be memory: or start with redis:/)
    await wrong('memcached://', /^CACHE_URL is wrong: /)
    await wrong('redis-sentinel://127.0.0.1:1', /^CACHE_URL is wrong: /)
  })
}

if (has('cached_db', 'redis')) {
  test('cached_db without its cache starts, warns, and works', async (t) => {
    const port = await deadPort()
    const server = await start(t, {
      SESSION_ENGINE: 'cached_db',
      CACHE_URL: `redis://127.0.0.1:${port}`,
      LOG_LEVEL: 'warn',
    })
    const [, origin = ''] = await server.printed(/on (http:\S+)/)
    t.regex(server.output(), /"level":40.*The database serves until it is back\./)
    const ready = await fetch(`${origin}/readyz`)
    t.deepEqual(
      [ready.status, await ready.json()],
      [200, { status: 'degraded', database: 'ok', sessions: 'ok', cache: 'unavailable' }],
    )
    t.is(await server.stop(), 0)
  })
}

if (has('file')) {
  test('the file engine needs a private, writable folder', async (t) => {
    const path = await folder(t)
    const file = join(path, 'file')
    await writeFile(file, '')
    await refused(t, { SESSION_ENGINE: 'file', SESSION_FILE_PATH: file }, /is not a folder.*SESSION_FILE_PATH/)
    const open = join(path, 'open')
    await mkdir(open)
    await chmod(open, 0o777)
    await refused(t, { SESSION_ENGINE: 'file', SESSION_FILE_PATH: open }, /All users can write.*chmod 700/)
  })
}

test('each engine needs its table', async (t) => {
  const DATABASE_URL = `sqlite:${join(await folder(t), 'empty.sqlite3')}`
  const missing = /^The table "\w+" is missing or has other columns: run "npm run migrate"\.$/
  for (const SESSION_ENGINE of ['db', 'cached_db', 'signed_cookies', 'hybrid'].filter((name) => has(name))) {
    await refused(t, { DATABASE_URL, SESSION_ENGINE }, missing)
  }
})

if (has('cache', 'django')) {
  test('inconsistent settings are reported in one sentence', async (t) => {
    const shareable = engines.filter((engine) => engine.shareable).map(({ name }) => name)
    await refused(
      t,
      { SESSION_ENGINE: 'cache', SESSION_FORMAT: 'django' },
      new RegExp(`^SESSION_FORMAT=django works with the engines ${shareable.join(', ')}, not with cache`),
    )
  })
}

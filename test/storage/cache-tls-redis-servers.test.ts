import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { examine } from '../../scripts/sessions/doctor.ts'
import { freePort } from '../../scripts/test-services/processes.mjs'
import { ConfigError } from '../../src/settings.ts'
import redis from '../../src/storage/caches/redis.ts'
import cachedDb from '../../src/storage/engines/cached-db.ts'
import { startApp, TEST_SECRET } from '../support/app.ts'
import { migratedSqlite } from '../support/databases.ts'
import notes from '../support/notes.ts'
import { note } from '../support/notes-steps.ts'
import { RedisServers } from '../support/redis-servers.ts'
import { serviceUrl } from '../support/services.ts'
import { configOf } from '../support/settings.ts'

const program = serviceUrl('redisServer')
const PASSWORD = 'a-s3cret-word'
const UNTRUSTED =
  /^Redis at (127\.0\.0\.1|localhost):\d+ has a certificate that is not trusted \(\w+\)\. Check its certificate, [^.]+ in the URL\.$/

/** A Redis that speaks TLS only, with a certificate for 127.0.0.1 by a new authority, and another authority. */
async function bench(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const name of ['ca', 'other']) {
    const itself = ['-x509', '-days', '2', '-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE']
    openssl('req', ...itself, ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`)
  }
  openssl('req', '-new', ...key, '-subj', '/CN=redis', '-keyout', 'redis.key', '-out', 'redis.csr')
  await writeFile(file('names'), 'subjectAltName=IP:127.0.0.1')
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names']
  openssl('x509', '-req', '-in', 'redis.csr', ...signed, '-out', 'redis.pem')
  const port = await freePort()
  const files = ['--tls-cert-file', file('redis.pem'), '--tls-key-file', file('redis.key')]
  const tls = ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', ...files]
  const authority = ['--tls-ca-cert-file', file('ca.pem'), '--requirepass', PASSWORD]
  await new RedisServers(t, program ?? '').start([...tls, ...authority], port)
  return { url: `rediss://:${PASSWORD}@127.0.0.1:${port}`, port, file }
}

async function openCache(t: ExecutionContext, url: string, CACHE_TLS_CA: string) {
  const config = configOf({ NODE_ENV: 'test', CACHE_URL: url, CACHE_TLS_CA })
  const opened = await redis.open(url, config)
  t.teardown(() => opened.cache.close())
  return opened
}

if (program !== undefined) {
  test('over TLS, Redis is used if its authority is the one of CACHE_TLS_CA, and its name that of the URL', async (t) => {
    const { url, port, file } = await bench(t)
    const { cache, connect } = await openCache(t, url, file('ca.pem'))
    await connect()
    await cache.add('k', { body: Buffer.from('v'), version: '1', expires: Date.now() + 60_000 })
    t.is(String((await cache.get('k'))?.body), 'v')
    const wrong = [
      [url, file('other.pem')],
      [url, ''],
      [url.replace('127.0.0.1', 'localhost'), file('ca.pem')],
    ] as const
    for (const [address, authority] of wrong) {
      const refusedBy = await openCache(t, address, authority)
      const error = await t.throwsAsync(refusedBy.connect(), { message: UNTRUSTED }, authority)
      t.notRegex(JSON.stringify([error?.message, error?.stack, String(error?.cause)]), new RegExp(PASSWORD))
    }
    const plain = await openCache(t, `redis://:${PASSWORD}@127.0.0.1:${port}`, '')
    const error = await t.throwsAsync(plain.connect())
    t.notRegex(String(error?.message), new RegExp(PASSWORD))
  })

  test('the log and doctor say in a sentence that an authority is wrong, and never the password', async (t) => {
    const { url, file } = await bench(t)
    const written: string[] = []
    const log = pino({ level: 'trace' }, { write: (line: string) => void written.push(line) })
    const settings = { SESSION_ENGINE: cachedDb.name, CACHE_URL: url }
    const wrong = { ...settings, CACHE_TLS_CA: file('other.pem') }
    const app = await startApp(wrong, log, [notes])
    t.teardown(app.close)
    const browser = app.browser()
    t.is((await note(browser, 'tea')).status, 200, 'the database serves')
    t.true(
      written.some((line) => /has a certificate that is not trusted \(/.test(JSON.parse(line).msg)),
      written.join(),
    )
    t.notRegex(written.join(), new RegExp(PASSWORD))

    const env = { NODE_ENV: 'test', SECRET_KEY: TEST_SECRET, DATABASE_URL: await migratedSqlite(t) }
    const findings = await examine({ ...env, ...wrong })
    const of = (found: typeof findings) => found.find(({ item }) => item === 'cache')
    t.is(of(findings)?.state, 'warn')
    t.regex(of(findings)?.message ?? '', /: Redis at 127\.0\.0\.1:\d+ has a certificate that is not trusted \(/)
    t.notRegex(JSON.stringify(findings), new RegExp(PASSWORD))
    t.is(of(await examine({ ...env, ...settings, CACHE_TLS_CA: file('ca.pem') }))?.state, 'ok')
  })

  test('an address without TLS is refused, and no password is sent', async (t) => {
    const { url, file } = await bench(t)
    const plain = url.replace('rediss:', 'redis:')
    await t.throwsAsync(openCache(t, plain, file('ca.pem')), { instanceOf: ConfigError, message: /Use rediss:/ })
  })

  test('a file without certificates is refused at the start', async (t) => {
    const { url, file } = await bench(t)
    for (const name of ['names', 'missing.pem']) {
      await t.throwsAsync(openCache(t, url, file(name)), { message: /^CACHE_TLS_CA is wrong: [^\n]+\.$/ })
    }
  })
}

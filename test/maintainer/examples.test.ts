import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import createKnex from 'knex'
import { projectRoot } from '../../src/paths.ts'
import { has } from '../storage/present.ts'
import { migratedSqlite } from '../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { serviceUrl } from '../support/services.ts'

const SECRET = 'test-secret-key-for-vectors-0123456789abcdef'
const redis = serviceUrl('redis')
const examples = readdirSync(join(projectRoot, 'examples'))

/** One after the other: each is a program. */
function example(name: string, run: (t: ExecutionContext) => Promise<void>): void {
  if (examples.includes(name)) test.serial(`examples/${name} runs`, run)
}

/** Starts an example and returns a browser with one cookie. */
async function visitor(t: ExecutionContext, name: string, env: Record<string, string> = {}) {
  const program = startProcess([TYPESCRIPT, `examples/${name}`], { env: { PORT: '0', ...env } })
  t.teardown(async () => void (await program.stop()))
  const [, port = ''] = await program.printed(/listening on.*port: (\d+)/)
  let cookie = ''
  const request = async (path = '/', body?: string) => {
    const init = body === undefined ? {} : { method: 'POST', body }
    const response = await fetch(`http://localhost:${port}${path}`, { ...init, headers: { cookie } })
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    return await response.text()
  }
  const withCookie = (value: string) => {
    cookie = value
  }
  return { request, withCookie, program }
}

test('every example is started by a test', (t) => {
  const source = readFileSync(join(projectRoot, 'test/maintainer/examples.test.ts'), 'utf8')
  for (const name of examples) t.true(source.includes(`example('${name}'`), name)
  t.true(readFileSync(join(projectRoot, 'examples/counter.ts'), 'utf8').split('\n').length <= 22)
})

example('counter.ts', async (t) => {
  const { request, withCookie } = await visitor(t, 'counter.ts')
  t.is(await request(), 'visits: 1')
  t.is(await request(), 'visits: 2')
  withCookie('')
  t.is(await request(), 'visits: 1')
})

example('typed-slice.ts', async (t) => {
  const { request } = await visitor(t, 'typed-slice.ts')
  await request('/', 'first')
  const wishes = Array.from({ length: 10 }, (_, at) => `wish ${at}`)
  await Promise.all(wishes.map((wish) => request('/', wish)))
  t.is(await request('/', 'x'.repeat(101)), 'A wish has 1 to 100 characters.')
  const { first, all } = JSON.parse(await request())
  t.is(first, 'first')
  t.deepEqual(all.slice(1).sort(), wishes)
})

example('javascript.js', async (t) => {
  const { request } = await visitor(t, 'javascript.js', { FOLDER: join(await temporary(t), 'sessions') })
  t.deepEqual(JSON.parse(await request()), { user: null })
  await request('/sign-in', '')
  t.deepEqual(JSON.parse(await request()), { user: 'ada' })
  await request('/sign-out', '')
  t.deepEqual(JSON.parse(await request()), { user: null })
})

if (redis !== undefined) {
  example('redis.ts', async (t) => {
    const { request, program } = await visitor(t, 'redis.ts', { REDIS_URL: redis })
    t.is(await request(), 'visits: 1')
    t.is(await request(), 'visits: 2')
    t.is(await program.stop(), 0)
  })
}

if (has('django')) {
  example('django.ts', async (t) => {
    const url = await migratedSqlite(t)
    const filename = url.slice('sqlite:'.length)
    const knex = createKnex({ client: 'sqlite3', connection: { filename }, useNullAsDefault: true })
    t.teardown(() => knex.destroy())
    const vectors = JSON.parse(readFileSync(join(projectRoot, 'test/data/django-vectors.json'), 'utf8'))
    const { output } = vectors.session_encode.find(({ name }: { name: string }) => name === 'simple')
    const session_key = 'd'.repeat(32)
    await knex('django_session').insert({ session_key, session_data: output, expire_date: '2099-01-01 00:00:00' })
    const { request, withCookie } = await visitor(t, 'django.ts', { SECRET_KEY: SECRET, DATABASE: filename })
    withCookie(`sessionid=${session_key}`)
    t.deepEqual(JSON.parse(await request()), { visits: 1, user: null })
    t.deepEqual(JSON.parse(await request()), { visits: 2, user: null })
    const row = await knex('django_session').where({ session_key }).first('session_data')
    t.not(row.session_data, output, 'in the record that Django made')
  })
}

async function temporary(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-example-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}

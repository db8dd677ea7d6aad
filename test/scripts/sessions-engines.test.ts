import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { DatabaseStore } from '../../src/session/stores/database/database.ts'
import { DatabaseRevocations } from '../../src/session/stores/database/database-revocations.ts'
import { DatabaseLease } from '../../src/session/stores/database/lease.ts'
import { FileStore } from '../../src/session/stores/file/file.ts'
import { record } from '../session/stores/bench.ts'
import { has, isPossible, serialOn } from '../storage/present.ts'
import { SECRET_KEY, sessionsCli } from './sessions-cli.ts'

const TOO_SHORT = 'SECRET_KEY is too short: use at least 32 random bytes.'

// The format of the table whose rows they write.
const SEALED = { SESSION_FORMAT: 'sealed' }

test.serial('commands that an engine does not support print one sentence, and exit with 2', async (t) => {
  const { run } = await sessionsCli(t)
  const cases: [args: string[], env: Record<string, string>, pattern: RegExp][] = [
    [['clear'], { SESSION_ENGINE: 'cache' }, /memory deletes expired sessions by itself/],
    [['stats'], { SESSION_ENGINE: 'cache' }, /cannot count its sessions/],
    [['stats'], { SESSION_ENGINE: 'signed_cookies' }, /keeps no records/],
    [['clear', '--inactive', '7d'], { SESSION_ENGINE: 'signed_cookies' }, /keeps no records/],
    [['clear', '--inactive', '7d'], { SESSION_FORMAT: 'django' }, /This table has no columns for that/],
    [['clear', '--version', '1'], { SESSION_ENGINE: 'cached_db' }, /keys in memory cannot be listed/],
    [['clear', '--version', '1'], {}, /engine has no cache/],
    [['warm'], {}, /no cache in front of a database/],
    [['warm'], { SESSION_ENGINE: 'cached_db' }, /CACHE_URL is memory/],
    [['maintain'], { SESSION_ENGINE: 'cache' }, /has no table to maintain/],
  ]
  for (const [args, env, pattern] of cases.filter(([, env]) => isPossible(env))) {
    const { code, output } = await run(args, env)
    t.is(code, 2, `${args.join(' ')}: ${output}`)
    t.regex(output, pattern)
    t.is(output.split('\n').length, 1)
  }
})

test.serial('without a secret the error names the variable, and how to use the development secret', async (t) => {
  const { run } = await sessionsCli(t)
  t.deepEqual(await run(['stats'], { NODE_ENV: '', SECRET_KEY: '' }), {
    code: 1,
    output:
      'SECRET_KEY is missing: set that of the application, or NODE_ENV=development for the sessions of "npm run dev".',
  })
  t.is((await run(['stats'], { NODE_ENV: '', SECRET_KEY: 'too-short' })).output, TOO_SHORT)
  t.is((await run(['stats'], { NODE_ENV: 'development', SECRET_KEY: '' })).code, 0)
})

serialOn(SEALED)('clear skips expired sessions if another process clears them, but never --user', async (t) => {
  const { run, knex } = await sessionsCli(t)
  const row = { data: 'x', version: 1, created_at: 1, last_activity: 1 }
  await knex('sessions').insert({ ...row, session_key: 'a', expires: 1 })
  await knex('sessions').insert({ ...row, session_key: 'b', expires: Date.now() + 1e9, user_id: '7' })
  // Longer than three commands take on a busy machine.
  const other = new DatabaseLease({ knex, name: 'clear expired', term: 110_000 })
  t.true(await other.take())
  t.deepEqual(await run(['clear', '--json']), { code: 0, output: '{"kind":"expired","deleted":0,"busy":true}' })
  t.regex((await run(['clear'])).output, /^Another process is clearing these sessions/)
  t.is((await run(['clear', '--user', '7', '--json'])).output, '{"kind":"user","deleted":1}')
  await other.finish()
  t.is(
    (await run(['clear', '--json'])).output,
    '{"kind":"expired","deleted":1}',
    'also right after the application has',
  )
  t.true(await other.take(), 'it has given its own back')
})

if (has('hybrid', 'signed_cookies')) {
  test.serial('clear --user ends sessions in cookies as well (ASVS 7.4.5)', async (t) => {
    const { run, knex } = await sessionsCli(t)
    const revocations = new DatabaseRevocations({ knex })
    const epoch = async (userId: string) => (await revocations.check(userId, 'any')).epoch
    const before = await epoch('7')
    const row = { data: 'x', version: 1, created_at: 1, last_activity: 1, expires: Date.now() + 1e9 }
    await knex('sessions').insert({ ...row, session_key: 'a', user_id: '7' })
    const clear = (engine: string, ...args: string[]) =>
      run(['clear', '--user', '7', ...args], { SESSION_ENGINE: engine })
    t.is((await clear('hybrid', '--dry-run', '--json')).output, '{"kind":"user","wouldDelete":1}')
    t.is(await epoch('7'), before)
    t.is((await clear('hybrid', '--json')).output, '{"kind":"user","deleted":1,"cookies":true}')
    const after = await epoch('7')
    t.true(after > before)
    const ended = '0 sessions deleted (user)\nSessions of this user in cookies have ended, too'
    t.deepEqual(await clear('signed_cookies'), { code: 0, output: ended })
    t.true((await epoch('7')) > after)
    t.is(await epoch('8'), before, 'nobody else is signed out')
  })
}

if (has('cached_db', 'memory')) {
  test.serial('clear ends sessions of which the application has copies in its own memory', async (t) => {
    const { run, url } = await sessionsCli(t)
    const env = { SESSION_ENGINE: 'cached_db', DATABASE_URL: url }
    const config = readConfig({
      ...env,
      SECRET_KEY,
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      SESSION_STORE_TIMEOUT: '10000',
    })
    const { store, close } = await openServices(config)
    t.teardown(close)
    await store?.create('hers', record({ userId: '7', expires: Date.now() + 1e9 }))
    t.truthy(await store?.load('hers'))
    t.is((await run(['clear', '--user', '7', '--json'], env)).output, '{"kind":"user","deleted":1}')
    t.is(await store?.load('hers'), undefined)
  })
}

if (has('hybrid')) {
  test.serial('clear deletes expired revocations', async (t) => {
    const { run, knex } = await sessionsCli(t)
    const revocations = new DatabaseRevocations({ knex })
    await revocations.endSession('old', 1)
    await revocations.endSession('recent', Date.now() + 1e9)
    const env = { SESSION_ENGINE: 'hybrid' }
    t.is((await run(['clear', '--json'], env)).output, '{"kind":"expired","deleted":0,"revocations":1}')
    t.is((await knex('session_revocations')).length, 1)
  })
}

if (has('file', 'db', 'signed_cookies', 'migrating', 'sealed')) {
  test.serial('while sessions migrate, both engines are cleared, and stats shows how many are left', async (t) => {
    const { run, knex } = await sessionsCli(t)
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-cli-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const store = new FileStore({ folder })
    await store.prepare()
    const soon = Date.now() + 1e9
    await store.create('alive', record({ expires: soon }))
    await store.create('dead', record({ expires: 1 }))
    const row = { data: 'x', version: 1, created_at: 1, last_activity: 1 }
    await knex('sessions').insert({ ...row, session_key: 'a', expires: 1 })
    const env = { SESSION_ENGINE: 'file', SESSION_MOVING_FROM: 'db', SESSION_FILE_PATH: folder }
    t.is((await run(['clear', '--json'], env)).output, '{"kind":"expired","deleted":2}')
    const { output } = await run(['stats', '--json'], env)
    t.like(JSON.parse(output), { engine: 'file', total: 1, live: 1, migratingFrom: { engine: 'db', left: 0 } })
    const cookies = { ...env, SESSION_ENGINE: 'signed_cookies', SESSION_MOVING_FROM: 'file' }
    t.deepEqual(await run(['stats'], cookies), {
      code: 0,
      output: 'Sessions in signed_cookies cannot be counted\n1 left to migrate from file',
    })
  })
}

serialOn(SEALED)('maintain frees the disk space of deleted rows', async (t) => {
  const { run, knex } = await sessionsCli(t)
  const rows = Array.from({ length: 400 }, (_, n) => ({
    session_key: `k${n}`,
    data: 'x'.repeat(5000),
    version: 1,
    expires: 1,
    created_at: 1,
    last_activity: 1,
  }))
  await knex.batchInsert('sessions', rows, 50)
  t.is((await run(['clear'])).code, 0)
  const { code, output } = await run(['maintain', '--json'])
  t.is(code, 0)
  const [{ before, after }] = JSON.parse(output)
  t.true(before - after > 1_500_000, output)
  t.regex((await run(['maintain'])).output, /^the database: VACUUM/)
})

if (has('cached_db', 'redis')) {
  test.serial('without its cache, cached_db copies nothing, and ends sessions all the same', async (t) => {
    const { run, knex } = await sessionsCli(t)
    const store = new DatabaseStore({ knex, table: 'sessions' })
    await store.create('hers', record({ userId: '7', expires: Date.now() + 1e9 }))
    const env = { SESSION_ENGINE: 'cached_db', CACHE_URL: 'redis://127.0.0.1:1' }
    const stats = JSON.parse((await run(['stats', '--json'], env)).output)
    t.like(stats, { live: 1, cache: { name: 'redis', answers: false } })
    const { code, output } = await run(['warm'], env)
    t.is(code, 1)
    t.regex(output, /^The cache does not answer: .*127\.0\.0\.1:1.*\. /)
    t.notRegex(output, /\.\. /)
    const before = await store.epochs.readEpoch()
    await store.epochs.changeEpoch(before.epoch, { epoch: 'of-others', server: 'a cache' })
    t.is((await run(['clear', '--user', '7', '--json'], env)).output, '{"kind":"user","deleted":1}')
    t.is((await knex('sessions')).length, 0)
    t.is((await store.epochs.readEpoch()).server, '', 'and no other process uses copies of them')
  })
}

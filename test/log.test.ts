import { existsSync } from 'node:fs'
import test from 'ava'
import { z } from 'zod'
import { openLog } from '../src/log.ts'
import { errorLine } from '../src/log-error.ts'
import { StoreUnavailableError } from '../src/session/core/errors.ts'
import { TEST_SECRET } from './support/app.ts'
import { migratedSqlite } from './support/databases.ts'
import { startProcess, TYPESCRIPT } from './support/processes.ts'

const SECRET = 'very.private@inbox.example'

/** What the log writes for one call. */
function written(write: (log: ReturnType<typeof openLog>) => void): string {
  const lines: string[] = []
  write(openLog({ mode: 'test', logLevel: 'trace' }, { write: (line) => void lines.push(line) }))
  return lines.join('')
}

/** An error of mysql2, as thrown by Knex. */
const duplicate = () =>
  Object.assign(new Error(`insert into users values (?) - Duplicate entry '${SECRET}' for key 'users.one_address'`), {
    code: 'ER_DUP_ENTRY',
    errno: 1062,
    sql: `insert into users values ('${SECRET}')`,
    sqlMessage: `Duplicate entry '${SECRET}' for key 'users.one_address'`,
    parameters: [SECRET],
    statement: 'insert into users values (?)',
  })

/** An error of pg. */
const failingRow = () =>
  Object.assign(new Error('new row for relation "users" violates check constraint "adult"'), {
    code: '23514',
    detail: `Failing row contains (${SECRET}).`,
    where: SECRET,
    internalQuery: SECRET,
    hint: SECRET,
    table: 'users',
    constraint: 'adult',
    column: SECRET,
  })

function thrown(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  throw new Error('it did not throw')
}

const changed = () => {
  const error = new Error(SECRET)
  error.message = 'something else'
  return error
}

const circular = () => {
  const error = duplicate()
  return Object.assign(error, { cause: error })
}

/** A plain error without a code, as pg says that the connection is lost. */
const lost = () =>
  Object.assign(new Error(`update users set email = '${SECRET}' - Connection terminated unexpectedly`), {
    statement: 'update users set email = ?',
  })

const UNSAFE: Record<string, () => unknown> = {
  'what mysql2 says': duplicate,
  'what pg says': failingRow,
  'what a driver says without a code': lost,
  'what a driver says of the network': () =>
    Object.assign(new Error(`update users set email='${SECRET}' - read ECONNRESET`), {
      ...{ code: 'ECONNRESET', syscall: 'read', statement: 'update users set email=?' },
    }),
  'what nodemailer says': () =>
    Object.assign(new Error(`Can't send mail - all recipients were rejected: 550 <${SECRET}>`), {
      ...{ code: 'EENVELOPE', response: `550 <${SECRET}>`, rejected: [SECRET], command: `RCPT TO:<${SECRET}>` },
    }),
  'a cause': () => new StoreUnavailableError(duplicate()),
  'the cause of a cause': () => new Error('outer', { cause: new Error('middle', { cause: failingRow() }) }),
  'several errors': () => new AggregateError([duplicate(), failingRow()], 'all of them'),
  'a stack with an older message': changed,
  'an error that is its own cause': circular,
  'a property': () =>
    Object.assign(new Error('refused'), { body: SECRET, inner: duplicate(), user: { email: SECRET } }),
  'text that is no JSON': () => thrown(() => JSON.parse(SECRET)),
  'a TypeError of JavaScript': () => thrown(() => Reflect.apply(Map.prototype.get, SECRET, [])),
  'a RangeError of JavaScript': () => thrown(() => new Intl.DateTimeFormat('en', { timeZone: SECRET })),
  'an argument that Node refuses': () => thrown(() => Buffer.alloc(SECRET as unknown as number)),
  'the name of a file': () => thrown(() => existsSync(SECRET) || process.chdir(`/nowhere/${SECRET}`)),
  'a schema': () => thrown(() => z.strictObject({}).parse({ [SECRET]: 1 })),
  'a text that is thrown': () => SECRET,
  'an object that is thrown': () => ({ message: SECRET, stack: SECRET }),
  'a code that is none': () => Object.assign(new Error(SECRET), { code: SECRET, statement: { SECRET } }),
}

for (const [name, make] of Object.entries(UNSAFE)) {
  test(`the log leaves out the values in ${name} (ASVS 16.2.5)`, (t) => {
    const error = make()
    const calls = [
      written((log) => log.error({ err: error }, 'failed')),
      written((log) => log.error({ error }, 'failed')),
      written((log) => log.child({ part: 'x' }).error({ err: error })),
      ...(error instanceof Error
        ? [written((log) => log.error(error)), written((log) => log.error(error, 'failed'))]
        : []),
      errorLine(error),
    ]
    for (const text of calls) t.false(text.includes(SECRET), text)
    for (const text of calls.slice(0, -1)) t.regex(text, /"type":"\w+".*"msg":"failed"/)
  })
}

test('the log has what happened, and where', (t) => {
  const log = (err: unknown) => JSON.parse(written((one) => one.error({ err }, 'failed'))).err
  t.like(log(new StoreUnavailableError(duplicate())), {
    type: 'StoreUnavailableError',
    status: 503,
    cause: {
      message: "for key 'users.one_address'",
      code: 'ER_DUP_ENTRY',
      statement: 'insert into users values (?)',
    },
  })
  t.like(log(failingRow()), { code: '23514', table: 'users', constraint: 'adult', column: undefined })
  t.like(log(thrown(() => (undefined as unknown as { name: string }).name)), {
    type: 'TypeError',
    message: "Cannot read properties of undefined (reading 'name')",
  })
  t.regex(
    log(new Error('The order was not written')).stack,
    /^Error: The order was not written\n {4}at .*log\.test\.ts:\d+/,
  )
  t.is(log(thrown(() => process.chdir('/nowhere/x'))).code, 'ENOENT')
  t.is(log(lost()).message, 'Connection terminated unexpectedly')
  t.is(errorLine(duplicate()), "for key 'users.one_address' (ER_DUP_ENTRY; insert into users values (?))")
})

test('an unhandled error is one log line; only one outside a promise ends the process (ASVS 16.3.4, 16.5.4)', async (t) => {
  const failure = `Object.assign(new Error('Duplicate entry ${SECRET}'), { code: 'ER_DUP_ENTRY', sql: '${SECRET}' })`
  const fault = `process.once('SIGHUP', () => void Promise.reject(${failure}))
    process.once('SIGUSR2', () => { throw ${failure} })`
  const server = startProcess(
    [TYPESCRIPT, `--import=data:text/javascript,${encodeURIComponent(fault)}`, 'src/server.ts'],
    {
      env: {
        NODE_ENV: 'test',
        HOST: 'localhost',
        PORT: '0',
        SECRET_KEY: TEST_SECRET,
        LOG_LEVEL: 'info',
        DATABASE_URL: await migratedSqlite(t),
      },
    },
  )
  t.teardown(() => void server.child.kill('SIGKILL'))
  await server.printed(/on http/)
  server.child.kill('SIGHUP')
  await server.printed(/"level":50.*"code":"ER_DUP_ENTRY".*"msg":"background work failed"/)
  server.child.kill('SIGUSR2')
  t.is(await server.ended(), 1)
  t.regex(server.output(), /"level":60.*"code":"ER_DUP_ENTRY"/)
  t.false(server.output().includes(SECRET), server.output())
})

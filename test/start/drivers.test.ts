import test, { type ExecutionContext } from 'ava'
import { migratedSqlite } from '../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

const PACKAGES = ['sqlite3', 'pg', 'mysql2']
const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

/** Starts the server where only these of the databases' packages are installed. */
function startWith(t: ExecutionContext, installed: readonly string[], DATABASE_URL: string) {
  const HIDDEN_PACKAGES = PACKAGES.filter((name) => !installed.includes(name)).join(',')
  const env = { SECRET_KEY, HIDDEN_PACKAGES, DATABASE_URL, HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'test' }
  const server = startProcess([TYPESCRIPT, '--import=./test/support/hide-packages.mjs', 'src/server.ts'], { env })
  t.teardown(() => void server.child.kill('SIGKILL'))
  return server
}

// Nothing listens on port 1: if the connection is refused, the packages have been loaded.
for (const [name, address] of [
  ['pg', 'postgres://user:password@127.0.0.1:1/app'],
  ['mysql2', 'mysql://user:password@127.0.0.1:1/app'],
] as const) {
  test(`${name} is the only package that ${address.split(':', 1)[0]}:// needs`, async (t) => {
    const server = startWith(t, [name], address)
    await server.ended()
    t.regex(server.output(), /^The database does not answer: .*ECONNREFUSED/)
  })
}

test('sqlite3 is the only package that sqlite: needs, and one that is missing is named', async (t) => {
  const address = await migratedSqlite(t)
  const server = startWith(t, ['sqlite3'], address)
  await server.printed(/ is on http/)
  await server.stop()
  const without = startWith(t, ['pg', 'mysql2'], address)
  t.is(await without.ended(), 1)
  t.is(without.output().trim(), 'The database needs the package sqlite3: run "npm install sqlite3".')
})

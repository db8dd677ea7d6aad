import { readFileSync } from 'node:fs'
import test from 'ava'
import { readConfig } from '../../src/config.ts'
import { databaseConfig } from '../../src/database.ts'
import { MAX_QUEUED } from '../../src/session/core/queue.ts'
import { MAX_ATTEMPTS } from '../../src/session/core/retry.ts'
import { JOB_TIMEOUT_MS } from '../../src/session/stores/database/database-statements.ts'
import { TEST_SECRET } from '../support/app.ts'

const text = readFileSync('docs/security.md', 'utf8')

test('every row of ASVS has a test or an exception, and the defaults are those of the settings (ASVS 7.1.1)', (t) => {
  const rows = text.split('\n').filter((line) => /^\| \d+\.\d/.test(line))
  t.true(rows.length > 20)
  for (const row of rows) t.regex(row.split('|').at(-2) ?? '', /`(test|docs)\/|exception: /, row)
  const { session } = readConfig({ NODE_ENV: 'test', SECRET_KEY: TEST_SECRET })
  for (const said of [
    `SESSION_COOKIE_AGE=${session.expiry.cookieAge}`,
    `SESSION_ABSOLUTE_AGE=${session.expiry.absoluteAge}`,
    `\`SESSION_MAX_NEW_PER_MINUTE\` | ${session.maxNewPerMinute} |`,
    `\`SESSION_MAX_PER_USER\` | ${session.maxPerUser} |`,
  ]) {
    t.true(text.includes(said), said)
  }
  // NIST 800-63B, AAL1: a session ends 30 days after the sign-in at the latest.
  t.true((session.expiry.absoluteAge ?? Number.POSITIVE_INFINITY) <= 30 * 86_400)
})

test('pools, timeouts and retries are those of the settings and the code (ASVS 13.1.2, 13.1.3, 13.2.6)', (t) => {
  const defaults = new Map(
    [...readFileSync('.env.example', 'utf8').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  )
  const [server, lite] = [databaseConfig('postgres://localhost/x'), databaseConfig('sqlite::memory:')]
  const { statement_timeout } = server.connection as { statement_timeout?: number }
  const fixed: Record<string, unknown> = {
    'connections to PostgreSQL or MariaDB': server.pool?.max,
    'connections to SQLite': lite.pool?.max,
    'a connection or a lock in commands and migrations': server.acquireConnectionTimeout,
    'a statement of a clean-up, of statistics or of commands': statement_timeout,
    'changes of one session that wait for each other': MAX_QUEUED,
    'connections to a cache server': 1,
    'attempts to save a change, when others win': MAX_ATTEMPTS,
  }
  t.is(lite.acquireConnectionTimeout, server.acquireConnectionTimeout)
  t.is(statement_timeout, JOB_TIMEOUT_MS)
  t.is(databaseConfig('mysql://localhost/x').pool?.max, server.pool?.max)
  const [, section = ''] = text.split(/^## Pools and timeouts$/m)
  const [table = ''] = section.split(/^## /m)
  const rows = [...table.matchAll(/^\| ([^|]+) \| (?:`([A-Z_]+)` )?\| (\d+)( m?s)? \|/gm)]
  t.true(rows.length >= Object.keys(fixed).length)
  for (const [, what = '', setting, value = ''] of rows) {
    t.is(value, String(setting === undefined ? fixed[what] : defaults.get(setting)), what)
  }
})

import { readFileSync } from 'node:fs'
import test from 'ava'
import { readConfig } from '../../src/config.ts'
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

import test from 'ava'
import { verifyDjangoAuthHash } from '../../src/session/codec/django/django-auth.ts'
import { readSignedCookie } from '../../src/session/codec/django/signed-cookie.ts'
import { fromBase62 } from '../../src/session/codec/django/signing.ts'
import { TEST_SECRET } from '../support/app.ts'
import { filled, linear, type Parser, SEPARATED, within } from '../support/linear.ts'

const secrets = [TEST_SECRET, `${TEST_SECRET} of before`] as const

const PARSERS: readonly Parser[] = [
  ['signed cookies', (text) => readSignedCookie('s', text, { secrets, maxAge: 60 }), filled('a'), SEPARATED],
  ["Django's hashes", (text) => verifyDjangoAuthHash('p', text, { secrets }), filled('a'), [filled('\0'), filled('é')]],
  ['numbers in base 62', fromBase62, filled('a'), [filled('-'), within('', 'a', '-')]],
]

for (const [name, feed, best, worst] of PARSERS) {
  test.serial(`100 KB of the worst are read about as fast as 100 KB of the best: ${name}`, async (t) => {
    t.deepEqual(await linear(feed, best, worst), [])
  })
}

import test from 'ava'
import { verifyDjangoAuthHash } from '../../src/session/codec/django/django-auth.ts'
import { pythonJsonOver } from '../../src/session/codec/django/python-json.ts'
import { readSignedCookie } from '../../src/session/codec/django/signed-cookie.ts'
import { fromBase62 } from '../../src/session/codec/django/signing.ts'
import { TEST_SECRET } from '../support/app.ts'
import { filled, linear, type Parser, SEPARATED, SIZE, within } from '../support/linear.ts'

const secrets = [TEST_SECRET, `${TEST_SECRET} of before`] as const

const MEGABYTE = 1_000_000

/** Former texts: those that need the long way end with what JavaScript would write differently. */
const formers = (size = SIZE) => {
  const values = ['1.0', '"1"', '{"1":1}', '[]', '"\\u0041"', '"\\\\\\""', '"é"']
  const inTexts = ['1', '1:', '\\"', '\\\\', '\\u00e9', '\\u0041', 'é', '\\":']
  const lists = values.map((value) => `[${filled(`${value},`, size)}0]`)
  const texts = inTexts.map((part) => `"${filled(part, size)}"`)
  const nested = `${filled('[', size / 2)}1${filled(']', size / 2)}`
  const whole = [...lists, ...texts].flatMap((value) => [`{"x":${value}}`, `{"x":${value},"y":1.0}`])
  const members = [
    `{${filled('"a":1.0,', size)}"b":1}`,
    `{${filled('"1":1,', size)}"b":1}`,
    `{"${filled('1', size)}":1}`,
  ]
  // Not JSON, which is not signed either.
  const broken = ['"', '\\"', '"1', '"a":', '[', '1', '-'].map((part) => filled(part, size))
  return [
    ...whole,
    ...members,
    `{"y":${nested}}`,
    `{"y":1.0,"z":${nested}}`,
    `{"z":${filled('1', size)},"y":1.0}`,
    `{"y":1.0,${filled(' ', size)}"z":1}`,
    ...broken,
  ]
}

const over = (former: string) => pythonJsonOver(former, { x: 1, n: 2 })

const PARSERS: readonly Parser[] = [
  ['signed cookies', (text) => readSignedCookie('s', text, { secrets, maxAge: 60 }), filled('a'), SEPARATED],
  ["Django's hashes", (text) => verifyDjangoAuthHash('p', text, { secrets }), filled('a'), [filled('\0'), filled('é')]],
  ['what Python wrote, under a change', over, `{"x":"${filled('a')}"}`, formers()],
  ['numbers in base 62', fromBase62, filled('a'), [filled('-'), within('', 'a', '-')]],
]

for (const [name, feed, best, worst] of PARSERS) {
  test.serial(`100 KB of the worst are read about as fast as 100 KB of the best: ${name}`, async (t) => {
    t.deepEqual(await linear(feed, best, worst), [])
  })
}

test.serial('no megabyte that Python wrote overflows the stack under a change', (t) => {
  for (const former of formers(MEGABYTE)) t.notThrows(() => over(former), former.slice(0, 40))
})

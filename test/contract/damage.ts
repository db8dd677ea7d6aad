import { EXPIRY } from '../support/engine.ts'
import { storm } from '../support/storm.ts'
import type { RegisterGuarantee } from './contract.ts'

// The tests of cookies, files and copies try a thousand each; here it matters what a request makes of each kind.
const MUTATIONS = storm ? 1000 : 50
const ANONYMOUS = '{"n":null,"user":null}'

/** Damaged cookies and records: an anonymous visitor and an event for the operator, never an answer of 5xx. */
export function damageGuarantees(guarantee: RegisterGuarantee, begin: string): void {
  guarantee(`${MUTATIONS} damaged cookies are anonymous (ASVS 11.2.5)`, async (t, { get, events }) => {
    const { cookie } = await get(begin)
    const value = decodeURIComponent(cookie.slice('sid='.length))
    for (const [index, damaged] of mutations(Buffer.from(value)).entries()) {
      events.length = 0
      const text = damaged.toString('latin1').replace(/[^\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]/g, '~')
      const { status, text: body } = await get('/read', `sid=${text}`)
      t.is(status, 200, `mutation ${index}`)
      if (text === value) continue
      t.is(body, ANONYMOUS, `mutation ${index}`)
      if (text !== '')
        t.true(
          events.some(({ type }) => type === 'security'),
          `mutation ${index} is reported`,
        )
    }
  })

  guarantee(`${MUTATIONS} damaged records are anonymous`, async (t, { get, events, setup: { record } }) => {
    if (record === undefined) return void t.pass('the cookie is the record')
    const { cookie } = await get(begin)
    const whole = await record.read()
    for (const [index, damaged] of mutations(whole).entries()) {
      await record.write(damaged)
      events.length = 0
      const { status, text } = await get('/read', cookie)
      t.is(status, 200, `mutation ${index}`)
      // Some bytes are times and the user, which do not matter here; the data are intact or refused.
      t.true(text === ANONYMOUS || text === '{"n":0,"user":null}', `mutation ${index}: ${text}`)
      if (text === ANONYMOUS)
        t.true(
          events.some(({ type }) => type === 'security'),
          `mutation ${index} is reported`,
        )
    }
  })

  guarantee('a record with any byte damaged is anonymous or the same session', async (t, { get, clock, setup }) => {
    const { record } = setup
    if (record === undefined) return void t.pass('the cookie is the record')
    const { cookie } = await get(begin)
    const value = decodeURIComponent(cookie.slice('sid='.length))
    const engine = await setup.open({ now: () => clock.now, expiry: EXPIRY, observe: () => {} })
    const opened = async () => {
      const found = await engine.open(value)
      if (!found.live) return undefined
      const { id, key, data, createdAt } = found.loaded
      return { id, key, data, createdAt }
    }
    const expected = await opened()
    const whole = await record.read()
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 7))
      await record.write(damaged)
      const found = await opened()
      if (found !== undefined) t.deepEqual(found, expected, `byte ${at}`)
    }
    await record.write(whole)
    t.deepEqual(await opened(), expected)
  })
}

/** Flipped bits, cut ends, foreign and oversized content; the same ones at every run. */
function mutations(whole: Buffer): Buffer[] {
  return Array.from({ length: MUTATIONS }, (_, n) => {
    if (n % 4 === 0) return whole.subarray(0, Math.floor((whole.length * (n / 4)) / (MUTATIONS / 4)))
    if (n % 4 === 1) return Buffer.concat([whole, Buffer.alloc(1 + (n % 50), 65 + (n % 26))])
    if (n % 4 === 2 && n < 4 * FOREIGN.length) return Buffer.from(FOREIGN[Math.floor(n / 4)] ?? '')
    const damaged = Buffer.from(whole)
    const at = Math.floor((n * 7919) % whole.length)
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (n % 7))
    return damaged
  })
}

const FOREIGN = [
  '{"n":1}',
  'null',
  'eyJuIjoxfQ:1abcde:signature',
  '.eJwrSS0u0y4tTi0CABvYBGI:1abcde:xyz',
  '\u0080\u0004K\u0001.',
  '<script>',
  'a'.repeat(3000),
  '0'.repeat(40),
]

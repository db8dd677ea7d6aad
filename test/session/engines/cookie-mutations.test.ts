import test from 'ava'
import { sessions } from '../../../src/session/http/middleware.ts'
import { formats } from '../../../src/storage/index.ts'
import { send } from '../../support/client.ts'
import { cookieBench, cookieCodec } from '../../support/cookie-engine.ts'
import { COOKIE } from '../../support/handlers.ts'
import { serve } from '../../support/koa.ts'
import { begun } from '../../support/requests.ts'

const MUTATIONS = 1000
// What can stand in a cookie at all; the rest never reaches an engine.
const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:.=+/!$%&*'

for (const format of formats) {
  test(`${format.name}: ${MUTATIONS} altered cookies are anonymous, each reported, none an error`, async (t) => {
    const bench = cookieBench({ format })
    const { origin, close } = await serve(sessions({ ...bench, cookie: COOKIE }), async (ctx) => {
      ctx.body = (await ctx.session()).keys()
    })
    t.teardown(close)
    const genuine = await begun(bench, { user: 'ada', list: [1, 2, 3], text: 'again and again '.repeat(20) })
    const foreign = cookieCodec(format, bench.now, 'another secret of the tests: 1234567').encode({ user: 'eve' })
    const others = formats
      .filter((other) => other !== format)
      .map((other) => cookieCodec(other, bench.now).encode({ user: 'eve' }))
    const read = async (value: string) => {
      const { status, text } = await send(origin, { headers: { cookie: `sid=${value}` } })
      return `${status} ${text}`
    }
    t.is(await read(genuine), '200 ["user","list","text"]')

    const random = generator()
    const wrong = Array.from({ length: MUTATIONS }, (_, n) => mutated(n, genuine, [foreign, ...others], random))
    for (const value of wrong) {
      const before = bench.events.length
      t.is(await read(value), '200 []', value)
      t.like(bench.events.slice(before), [{ type: 'security', kind: 'undecodable' }], value)
    }
    t.is(bench.events.length, MUTATIONS)
    t.is(await read(genuine), '200 ["user","list","text"]', 'and the genuine one still holds')
  })
}

type Random = (below: number) => number

function mutated(n: number, genuine: string, strangers: readonly string[], random: Random): string {
  const value = [flipped, shortened, spliced, oversized, garbage, foreign][n % 6]?.() ?? ''
  return value === genuine ? `${genuine}A` : value

  function flipped() {
    const at = random(genuine.length)
    const bit = genuine.charCodeAt(at) ^ (1 << random(6))
    const character = CHARACTERS.includes(String.fromCharCode(bit)) ? String.fromCharCode(bit) : any(1)
    return genuine.slice(0, at) + character + genuine.slice(at + 1)
  }
  function shortened() {
    const from = random(2) * random(genuine.length)
    return genuine.slice(from, from + random(genuine.length - from)) || 'A'
  }
  function spliced() {
    const at = random(genuine.length)
    return genuine.slice(0, at) + any(1 + random(40)) + genuine.slice(at + random(3))
  }
  function oversized() {
    return random(2) === 0 ? genuine + any(4096) : genuine.repeat(1 + Math.ceil(8000 / genuine.length))
  }
  function garbage() {
    return any(1 + random(300))
  }
  function foreign() {
    const stranger = strangers[random(strangers.length)] ?? ''
    return random(2) === 0 ? stranger : stranger.slice(0, 40) + genuine.slice(40)
  }
  function any(length: number) {
    return Array.from({ length }, () => CHARACTERS[random(CHARACTERS.length)]).join('')
  }
}

/** Numbers that are the same in every run, so that a failure can be looked at. */
function generator(): Random {
  let state = 42
  return (below) => {
    state = (state * 48271) % 2147483647
    return Math.floor((state / 2147483647) * below)
  }
}

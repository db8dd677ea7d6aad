import test, { type ExecutionContext } from 'ava'
import { storm } from '../support/storm.ts'
import { applicationOn, type Exceptions, type Setup } from './bench.ts'
import { damageGuarantees } from './damage.ts'
import { keyGuarantees } from './keys.ts'

export type RegisterGuarantee = (
  title: string,
  body: (t: ExecutionContext, application: Application) => Promise<void>,
  settings?: { idleAge?: number; absoluteAge?: number },
) => void
export type Application = Awaited<ReturnType<typeof applicationOn>>

const HOUR = 3_600_000
// The contract of stores has as many as the README says; here they take the way of a browser.
const CHANGES = storm ? 50 : 10
const RACES = storm ? 200 : 10
/** What a visitor without a session reads. */
export const ANONYMOUS = '{"n":null,"user":null}'

/** The promises of the session engine as a browser sees them. What an engine excepts is asserted to be so. */
export function engineContract(
  name: string,
  exceptions: Exceptions,
  fresh: (now: () => number) => Promise<Setup>,
): void {
  const guarantee: RegisterGuarantee = (title, body, settings = {}) =>
    test.serial(`${name}: ${title}`, async (t) => await body(t, await applicationOn(t, fresh, settings)))
  const begin = `/begin?ballast=${exceptions.ballast ?? 0}`

  lifeGuarantees(guarantee, begin, exceptions)
  concurrencyGuarantees(guarantee, begin, exceptions)
  keyGuarantees(guarantee, begin, exceptions)
  signedInGuarantees(guarantee, begin)
  expiryGuarantees(guarantee, begin)
  damageGuarantees(guarantee, begin)
  outageGuarantees(guarantee, begin, exceptions)
}

function lifeGuarantees(guarantee: RegisterGuarantee, begin: string, { cookieAlone }: Exceptions): void {
  guarantee('a session is created, used and ended', async (t, { get }) => {
    const first = await get(begin)
    t.regex(first.setCookie, /^sid=[^;]+; .*HttpOnly/i)
    t.is((await get('/read', first.cookie)).text, '{"n":0,"user":null}')
    const second = await get('/increment', first.cookie)
    t.is((await get('/read', second.cookie)).text, '{"n":1,"user":null}')
    const ended = await get('/end', second.cookie)
    t.regex(ended.setCookie, /^sid=; .*expires=Thu, 01 Jan 1970/i)
    // Browsers are not told to remove cookies unknown to the server.
    t.is((await get('/read', second.cookie)).text, cookieAlone ? '{"n":1,"user":null}' : ANONYMOUS)
  })

  guarantee('reading creates nothing, and keys made up by a client are never adopted', async (t, { get }) => {
    for (const made of ['', 'a'.repeat(32), 'A'.repeat(32), '../../etc/passwd', "'--", '*', '%00', 'x'.repeat(3900)]) {
      const read = await get('/read', `sid=${made}`)
      t.deepEqual([read.status, read.text, read.setCookie], [200, ANONYMOUS, ''], made.slice(0, 40))
      const begun = await get(begin, `sid=${made}`)
      t.is(begun.status, 200)
      t.not(begun.cookie, `sid=${made}`)
    }
    t.is((await get('/nothing')).setCookie, '')
  })

  guarantee('a session that is too large is refused with 413 and stays as it was', async (t, { get }) => {
    const { cookie } = await get(begin)
    const refused = await get('/grow?bytes=2000000', cookie)
    t.deepEqual([refused.status, refused.setCookie], [413, ''])
    t.is((await get('/read', cookie)).text, '{"n":0,"user":null}')
  })
}

function concurrencyGuarantees(guarantee: RegisterGuarantee, begin: string, { cookieAlone }: Exceptions): void {
  if (cookieAlone) {
    guarantee(
      'overlapping changes: the last response wins, as the cookie is the only storage',
      async (t, { get, gate }) => {
        const { cookie } = await get(begin)
        const slow = get('/slow', cookie)
        await gate.arrived.promise
        t.is((await get('/increment', cookie)).status, 200)
        gate.open.resolve()
        t.is((await get('/read', (await slow).cookie)).text, '{"n":1,"user":null}')
      },
    )
    return
  }

  guarantee(`nothing is lost: 8 clients x ${CHANGES} changes on two processes`, async (t, { get, another }) => {
    const { cookie } = await get(begin)
    const processes = [get, await another()]
    const statuses = new Set<number>()
    await Promise.all(
      Array.from({ length: 8 }, async (_, client) => {
        for (let n = 0; n < CHANGES; n++) {
          const { status } = (await processes[client % 2]?.('/increment', cookie)) ?? { status: 0 }
          statuses.add(status)
        }
      }),
    )
    t.deepEqual(statuses, new Set([200]))
    t.is((await get('/read', cookie)).text, `{"n":${8 * CHANGES},"user":null}`)
  })

  guarantee(
    'no ended session comes back: a slow change that overlaps a logout is 409',
    async (t, { get, another, gate }) => {
      const { cookie } = await get(begin)
      const slow = get('/slow', cookie)
      await gate.arrived.promise
      await (await another())('/end', cookie)
      gate.open.resolve()
      t.deepEqual([(await slow).status, (await slow).setCookie], [409, ''])
      t.is((await get('/read', cookie)).text, ANONYMOUS)
    },
  )

  guarantee(`${RACES} races of a change with a logout: the cookie stays invalid`, async (t, { get, another }) => {
    const elsewhere = await another()
    for (let race = 0; race < RACES; race++) {
      const { cookie } = await get(begin)
      const answers = await Promise.all([get('/increment', cookie), elsewhere('/end', cookie)])
      t.true(
        answers.every(({ status }) => status === 200 || status === 409),
        `race ${race}`,
      )
      t.is((await get('/read', cookie)).text, ANONYMOUS, `race ${race}`)
      t.is((await elsewhere('/read', cookie)).text, ANONYMOUS, `race ${race}`)
    }
  })
}

function signedInGuarantees(guarantee: RegisterGuarantee, begin: string): void {
  guarantee(
    'a sign-in keeps the session under a new cookie; a logout ends every copy of it (ASVS 7.4.1)',
    async (t, { get, another }) => {
      const { cookie } = await get(begin)
      const signedIn = await get('/sign-in', cookie)
      t.not(signedIn.cookie, cookie)
      t.is((await get('/read', signedIn.cookie)).text, '{"n":0,"user":"7"}')
      const later = await get('/increment', signedIn.cookie)
      await get('/end', later.cookie)
      for (const copy of [signedIn.cookie, later.cookie]) {
        t.is((await get('/read', copy)).text, ANONYMOUS)
        t.is((await (await another())('/read', copy)).text, ANONYMOUS)
      }
    },
  )

  guarantee(
    'a slow change of a signed-in session that overlaps its logout is 409',
    async (t, { get, another, gate }) => {
      const { cookie } = await get('/sign-in', (await get(begin)).cookie)
      const slow = get('/slow', cookie)
      await gate.arrived.promise
      await (await another())('/end', cookie)
      gate.open.resolve()
      t.is((await slow).status, 409)
      t.is((await get('/read', cookie)).text, ANONYMOUS)
    },
  )
}

function expiryGuarantees(guarantee: RegisterGuarantee, begin: string): void {
  guarantee(
    'the idle age is enforced on the server, whatever the browser sends (ASVS 7.3.1)',
    async (t, { get, clock }) => {
      const { cookie } = await get(begin)
      clock.now += HOUR - 1000
      const active = await get('/increment', cookie)
      clock.now += HOUR - 1000
      t.is((await get('/read', active.cookie)).text, '{"n":1,"user":null}')
      clock.now += HOUR + 1000
      t.is((await get('/read', active.cookie)).text, ANONYMOUS)
    },
    { idleAge: 3600 },
  )

  guarantee(
    'the absolute age is enforced whatever the activity, and counts from the sign-in (ASVS 7.3.2)',
    async (t, { get, clock }) => {
      let { cookie } = await get(begin)
      clock.now += HOUR
      cookie = (await get('/sign-in', cookie)).cookie
      for (let n = 0; n < 3; n++) {
        clock.now += HOUR / 2
        cookie = (await get('/increment', cookie)).cookie
      }
      t.is((await get('/read', cookie)).text, '{"n":3,"user":"7"}')
      clock.now += HOUR / 2 + 1000
      t.is((await get('/read', cookie)).text, ANONYMOUS)
    },
    { absoluteAge: 7200 },
  )
}

function outageGuarantees(guarantee: RegisterGuarantee, begin: string, { bridgesOutages }: Exceptions): void {
  guarantee('an outage is not a logout (ASVS 16.5.2, 16.5.3)', async (t, { get, setup: { outage } }) => {
    const { cookie } = await get('/sign-in', (await get(begin)).cookie)
    if (outage === undefined) return void t.pass('there is nothing that could be away')
    await outage.begin()
    const read = await get('/read', cookie)
    if (bridgesOutages) t.is(read.text, '{"n":0,"user":"7"}')
    else t.deepEqual([read.status, read.setCookie, read.retryAfter !== null], [503, '', true])
    t.is((await get('/increment', cookie)).status, bridgesOutages ? 200 : 503)
    t.is((await get('/nothing', cookie)).status, 200)
    await outage.end()
    t.is((await get('/read', cookie)).text, `{"n":${bridgesOutages ? 1 : 0},"user":"7"}`)
  })
}

import { storm } from '../support/storm.ts'
import type { Exceptions } from './bench.ts'
import { ANONYMOUS, type RegisterGuarantee } from './contract.ts'

const RACES = storm ? 50 : 5
const SIGNED_IN = '{"n":0,"user":"7"}'

/** What holds while and after the key of a session changes, by sign-in or otherwise. */
export function keyGuarantees(guarantee: RegisterGuarantee, begin: string, exceptions: Exceptions): void {
  const { cookieAlone, oldKeyEnds } = exceptions
  const atOnce = cookieAlone ? [200, 409] : [200]

  guarantee(
    'a change of key ends the old one, as soon as no request can be under way with it',
    async (t, { get, clock }) => {
      const { cookie } = await get(begin)
      const rotated = await get('/rotate', cookie)
      if (!cookieAlone) t.not(rotated.cookie, cookie)
      t.is((await get('/read', rotated.cookie)).text, '{"n":0,"user":null}')
      t.is((await get('/read', cookie)).text, oldKeyEnds ? ANONYMOUS : '{"n":0,"user":null}')
      clock.now += 60_000
      t.is((await get('/read', cookie)).text, cookieAlone ? '{"n":0,"user":null}' : ANONYMOUS)
      t.is((await get('/read', rotated.cookie)).text, '{"n":0,"user":null}')
    },
  )

  guarantee('a request with the old key works, and its response sets no cookie', async (t, { get, another, gate }) => {
    const elsewhere = await another()
    const { cookie } = await get('/sign-in', (await get(begin)).cookie)
    const slow = get('/slow', cookie)
    await gate.arrived.promise
    const rotated = await elsewhere('/rotate', cookie)
    gate.open.resolve()
    const during = await slow
    const afterwards = await elsewhere('/increment', cookie)
    const kept = !cookieAlone && !oldKeyEnds
    t.deepEqual([during.status, during.setCookie], [kept ? 200 : 409, ''])
    t.is((await get('/read', rotated.cookie)).text, kept ? '{"n":2,"user":"7"}' : SIGNED_IN)
    if (oldKeyEnds) return
    t.deepEqual([afterwards.status, afterwards.setCookie], [kept ? 200 : 409, ''])
    const read = await get('/read', cookie)
    t.deepEqual([read.text, read.setCookie], [SIGNED_IN, ''], 'what was there before, and nothing that came after')
  })

  guarantee('the key from before a sign-in neither reads nor changes later data', async (t, { get, another }) => {
    const { cookie } = await get(begin)
    const signedIn = await get('/sign-in', cookie)
    await get('/increment', signedIn.cookie)
    t.is((await get('/read', cookie)).text, oldKeyEnds ? ANONYMOUS : '{"n":0,"user":null}')
    if (cookieAlone || oldKeyEnds) return
    t.is((await (await another())('/increment', cookie)).status, 409)
    t.is((await get('/read', signedIn.cookie)).text, '{"n":1,"user":"7"}')
  })

  guarantee('a logout with any key ends every key that the session has had', async (t, { get, another }) => {
    const elsewhere = await another()
    for (const by of oldKeyEnds ? [2] : [0, 1, 2]) {
      const cookies = [(await get('/sign-in', (await get(begin)).cookie)).cookie]
      for (let n = 0; n < 2; n++) cookies.push((await get('/rotate', cookies.at(-1))).cookie)
      t.is((await elsewhere('/end', cookies[by])).status, 200)
      for (const cookie of cookies) t.is((await get('/read', cookie)).text, ANONYMOUS)
    }
  })

  guarantee('20 changes of key at once: one new key, and a signed-in browser', async (t, { get }) => {
    const { cookie } = await get('/sign-in', (await get(begin)).cookie)
    const answers = await Promise.all(Array.from({ length: 20 }, () => get('/rotate', cookie)))
    const cookies = new Set(answers.filter(({ setCookie }) => setCookie !== '').map((answer) => answer.cookie))
    const reads = await Promise.all([...cookies].map((each) => get('/read', each)))
    t.is(reads.filter(({ text }) => text === SIGNED_IN).length, 1)
    // A request after the old key has expired starts a new session.
    if (oldKeyEnds) return
    // So in whatever order the answers arrive, this is the cookie that the browser has in the end.
    t.is(cookies.size, 1)
    t.true(answers.every(({ status }) => atOnce.includes(status)))
  })

  guarantee('a sign-in sent twice signs in once', async (t, { get, another }) => {
    const { cookie } = await get(begin)
    const elsewhere = await another()
    const answers = await Promise.all([get('/sign-in', cookie), elsewhere('/sign-in', cookie)])
    for (const answer of answers) t.is(answer.status, 200)
    // Without storage on the server, each is a separate session.
    if (cookieAlone || oldKeyEnds) return
    t.is(answers[0]?.cookie, answers[1]?.cookie)
    t.is((await get('/read', answers[0]?.cookie)).text, SIGNED_IN)
  })

  guarantee(
    'signing out everywhere during a change of key ends the session, and signing out the others keeps it',
    async (t, bench) => {
      const { get, another } = bench
      const elsewhere = await another()
      if ((await get('/end-user', (await get('/sign-in')).cookie)).status === 501)
        return void t.pass('whose sessions is unknown')
      for (let race = 0; race < RACES; race++) {
        const { cookie } = await get('/sign-in', (await get(begin)).cookie)
        const [rotated] = await Promise.all([get('/rotate', cookie), elsewhere('/end-user', cookie)])
        for (const each of [cookie, rotated.cookie]) t.is((await get('/read', each)).text, ANONYMOUS)
      }
      for (let race = 0; race < RACES; race++) {
        const { cookie } = await get('/sign-in', (await get(begin)).cookie)
        const other = await get('/sign-in')
        const [rotated] = await Promise.all([get('/rotate', cookie), elsewhere('/end-others', cookie)])
        t.is((await get('/read', rotated.cookie)).text, SIGNED_IN)
        t.is((await get('/read', other.cookie)).text, ANONYMOUS)
      }
    },
  )
}

import { setImmediate as nextTurn } from 'node:timers/promises'
import test from 'ava'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { USER_KEY } from '../../../src/session/core/user.ts'
import { bench, ENGINES, PAIRS } from '../../support/migrating.ts'
import { increment, open, read } from '../../support/requests.ts'
import { storm } from '../../support/storm.ts'

// A thousand tests at once, as ava would run them, keep the garbage collector busy.
const { serial } = test

type Bench = ReturnType<typeof bench>
type MigratingSite = Bench['migrating']
type Request = Awaited<ReturnType<typeof open>>
type Saved = string | undefined

async function add({ session, commit }: Request): Promise<Saved> {
  session.update('n', increment)
  return cookieOf(await commit())
}

/** What a request does whose session ends meanwhile. Returns the cookie that it leaves in the browser for the session. */
const CHANGES: Record<string, (request: Request, migrating: MigratingSite) => Promise<Saved>> = {
  change: add,
  touch: async ({ state: { loaded } }, { engine }) => {
    return loaded && (await engine.touch(loaded))?.cookie
  },
  // A logout that began before does not know the new key, here as in every engine.
  'key change': async ({ commit }) => void (await commit('cycle')),
  'sign-in of another user': async ({ session, commit }) => {
    session.set(USER_KEY, '8')
    await session.cycleKey({ restartClock: true })
    return cookieOf(await commit('cycle'))
  },
}

/** How a session ends: by a request that began earlier, or by one that begins now. Returns whether it was ended. */
const ENDINGS: Record<string, (migrating: MigratingSite, earlier: Request, cookie: string) => Promise<boolean>> = {
  'logout that began before': async (_site, earlier) => {
    await earlier.session.flush()
    return true
  },
  logout: async (migrating, _earlier, cookie) => {
    const { session, live } = await open(migrating, cookie)
    await session.flush()
    return live
  },
  'end of all sessions': async ({ engine }) => {
    await engine.endUser('7')
    return true
  },
  'end by another device': async ({ engine }) => {
    const { listed } = await engine.listUser('7')
    const ended = await Promise.all(listed.map(({ id }) => engine.endOne('7', id)))
    return ended.includes(true)
  },
}

const NAMES = Object.keys(ENGINES).filter((name) => !((ENGINES[name]?.like ?? '') in ENGINES))
const LISTED = /db|cache|record/

function cookieOf(committed: Awaited<ReturnType<Request['commit']>>): Saved {
  return committed.outcome === 'saved' ? committed.cookie : undefined
}

/** Which of these cookies still open their session. */
async function opening(migrating: MigratingSite, cookies: Iterable<Saved>): Promise<string[]> {
  const found: string[] = []
  for (const cookie of cookies) if (cookie && (await read(migrating, cookie))?.[USER_KEY] === '7') found.push(cookie)
  return found
}

/** Whether any does, also on either side alone. */
async function anyLeft({ other, before, after }: Bench, cookies: Set<Saved>): Promise<boolean> {
  for (const migrating of [other, before, after]) if ((await opening(migrating, cookies)).length > 0) return true
  return false
}

function refused(error: unknown): undefined {
  if (!(error instanceof StoreUnavailableError)) throw error
}

/** Again for each step of what the run interrupts; it returns how many there were. */
async function forEachStep(run: (at: number) => Promise<number>): Promise<void> {
  // Nothing here waits, but ava stops a file of which it hears nothing for two minutes.
  await nextTurn()
  for (let at = 1; at <= (await run(at)); at++);
}

type Pair = readonly [from: string, to: string, sharesRecords?: true]

const ONE_TABLE = NAMES.filter((name) => name.startsWith('hybrid')).flatMap((from) =>
  NAMES.filter((name) => name.startsWith('db'))
    .slice(0, 1)
    .map((to): Pair => [from, to, true]),
)
const EACH_PAIR: Pair[] = [...PAIRS.filter((pair) => pair.every((name) => NAMES.includes(name))), ...ONE_TABLE]
/** Of records, of cookies, from either into the other, and in one table. */
const kindOf = ([from, to, shares]: Pair) => [ENGINES[from]?.server, ENGINES[to]?.server, shares].join()
const A_PAIR_OF_EACH_KIND = new Map(EACH_PAIR.toReversed().map((pair) => [kindOf(pair), pair]))

for (const [from, to, shares = false] of storm ? EACH_PAIR : A_PAIR_OF_EACH_KIND.values()) {
  const pair = `${from} to ${to}${shares ? ', in one table' : ''}`

  for (const [name, change] of Object.entries(CHANGES)) {
    for (const [ending, end] of Object.entries(ENDINGS)) {
      // No list has what is in a cookie, nor which record it migrates into.
      if (ending === 'end by another device' && !LISTED.test(from)) continue
      serial(`${pair}: ${ending}, at any step of a ${name}, is final from then on`, async (t) => {
        const revived: string[] = []
        for (const others of [false, true]) {
          await forEachStep(async (at) => {
            const site = bench(from, to, shares)
            const { migrating, other } = site
            const old = await site.start()
            const slow = await open(migrating, old)
            const [earlier, second, late] = [await open(other, old), await open(other, old), await open(other, old)]
            const given = new Set<Saved>([old])
            let ended = false
            const steps = await site.steps.during(
              async () => given.add(await change(slow, migrating).catch(refused)),
              async (step) => {
                if (step === at) {
                  if (others) given.add(await add(second))
                  ended = await end(other, earlier, [...given].findLast(Boolean) ?? '')
                  if (others) given.add(await add(late))
                }
                const found = ended ? await opening(other, given) : []
                if (found.length > 0)
                  revived.push(`ended at step ${at}${others ? ' beside others' : ''}, open at ${step}`)
              },
            )
            if (ended && (await anyLeft(site, given)))
              revived.push(`ended at step ${at}${others ? ' beside others' : ''}`)
            return steps
          })
        }
        t.deepEqual(revived, [])
      })
    }

    serial(`${pair}: a ${name} at any step of a logout does not undo it, nor a second one after a crash`, async (t) => {
      const revived: string[] = []
      for (const crash of [false, true]) {
        await forEachStep(async (at) => {
          const site = bench(from, to, shares)
          const { migrating, other } = site
          const old = await site.start()
          const [leaving, slow] = [await open(migrating, old), await open(other, old)]
          const given = new Set<Saved>([old])
          const steps = await site.steps.during(
            () => leaving.session.flush().catch(refused),
            async (step) => {
              if (step !== at) return
              given.add(await change(slow, other))
              if (crash) throw new StoreUnavailableError()
            },
          )
          for (const cookie of crash ? await opening(migrating, given) : [])
            await (await open(migrating, cookie)).session.flush()
          if (await anyLeft(site, given)) revived.push(`${crash ? 'crashed' : 'paused'} at step ${at}`)
          return steps
        })
      }
      t.deepEqual(revived, [])
    })
  }

  serial(`${pair}: a crash at any step of a migration loses nothing, and a logout ends what it left`, async (t) => {
    const wrong: string[] = []
    await forEachStep(async (at) => {
      const site = bench(from, to, shares)
      const { migrating, other } = site
      const old = await site.start()
      const slow = await open(migrating, old)
      const steps = await site.steps.during(
        () => add(slow).catch(refused),
        async (step) => {
          if (step >= at) throw new StoreUnavailableError()
        },
      )
      const n = Number((await read(other, old))?.['n'])
      const next = await add(await open(other, old))
      const sum = Number((await read(other, next ?? ''))?.['n'])
      const merged = ENGINES[from]?.server && ENGINES[to]?.server
      // The interrupted change may take effect until the next save, as after any lost answer.
      if (!(sum >= (merged ? n + 1 : 1) && sum <= 2)) wrong.push(`crashed at step ${at}: ${n}, then ${sum}`)
      await (await open(other, next ?? '')).session.flush()
      if (await anyLeft(site, new Set([old, next]))) wrong.push(`crashed at step ${at}: open after a logout`)
      return steps
    })
    t.deepEqual(wrong, [])
  })
}

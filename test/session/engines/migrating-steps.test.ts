import { setImmediate as nextTurn } from 'node:timers/promises'
import test from 'ava'
import { USER_KEY } from '../../../src/session/core/user.ts'
import { bench, ENGINES, PAIRS } from '../../support/migrating.ts'
import { increment, open, read } from '../../support/requests.ts'
import { storm } from '../../support/storm.ts'

const { serial } = test

type Site = ReturnType<typeof bench>['migrating']

/** What a request has done: whether it was acknowledged, the cookie that it set, and how much it has added. */
interface Done {
  readonly acknowledged: boolean
  readonly cookie?: string | undefined
  readonly added?: 1
}

type Action = (site: Site, cookie: string) => Promise<() => Promise<Done>>

/** Each opens its session first; what it returns does the rest. */
const ACTIONS: Record<string, Action> = {
  change: async (site, cookie) => {
    const { session, commit } = await open(site, cookie)
    return async () => {
      session.update('n', increment)
      const committed = await commit()
      if (committed.outcome === 'ended') return { acknowledged: false }
      return { acknowledged: true, cookie: committed.cookie, added: 1 }
    }
  },
  'key change': async (site, cookie) => {
    const { session, commit } = await open(site, cookie)
    return async () => {
      session.update('n', increment)
      const committed = await commit('cycle')
      if (committed.outcome === 'ended') return { acknowledged: false }
      return { acknowledged: true, cookie: committed.cookie, added: 1 }
    }
  },
  'sign-in': async (site, cookie) => {
    const { session, state, commit } = await open(site, cookie)
    return async () => {
      session.update('n', increment)
      state.document.operations.signingIn(() => session.set(USER_KEY, '7'))
      await session.cycleKey({ restartClock: true })
      const committed = await commit('cycle')
      if (committed.outcome === 'ended') return { acknowledged: false }
      return { acknowledged: true, cookie: committed.cookie, added: 1 }
    }
  },
  activity: async (site, cookie) => {
    const opened = await site.engine.open(cookie)
    return async () => {
      const touched = opened.live ? await site.engine.touch(opened.loaded) : undefined
      return { acknowledged: true, cookie: touched?.cookie }
    }
  },
}

const NAMES = Object.keys(ENGINES).filter((name) => !((ENGINES[name]?.like ?? '') in ENGINES))
const EACH_PAIR = PAIRS.filter((pair) => pair.every((name) => NAMES.includes(name)))

async function forEachStep(run: (at: number) => Promise<number>): Promise<void> {
  await nextTurn()
  for (let at = 1; at <= (await run(at)); at++);
}

type Pair = (typeof EACH_PAIR)[number]

/** Elsewhere a late request or logout does not find a key that was changed meanwhile. */
const forwardsIn = (pair: Pair) => pair.every((name) => /^(db|cache)/.test(name) && !name.includes('django'))
/** Of records, of cookies, from either into the other, and whether with forwards. */
const kindOf = (pair: Pair) => [...pair.map((name) => ENGINES[name]?.server), forwardsIn(pair)].join()
const A_PAIR_OF_EACH_KIND = new Map(EACH_PAIR.toReversed().map((pair) => [kindOf(pair), pair]))

for (const pair of storm ? EACH_PAIR : A_PAIR_OF_EACH_KIND.values()) {
  const [from, to] = pair
  const merges = ENGINES[from]?.server === true && ENGINES[to]?.server === true
  const forwards = forwardsIn(pair)
  for (const [name, slowly] of Object.entries(ACTIONS)) {
    for (const [meanwhile, quickly] of Object.entries(ACTIONS)) {
      // In cookies the last of two changes wins, also of their keys.
      if (!merges && (name !== 'activity' || meanwhile !== 'change')) continue
      if (!forwards && ![name, meanwhile].every((one) => /^(change|activity)$/.test(one))) continue
      serial(`${from} to ${to}: a ${name} and a ${meanwhile} by processes in neighbouring steps`, async (t) => {
        const wrong: string[] = []
        for (const slowMoves of [true, false]) {
          await forEachStep(async (at) => {
            const site = bench(from, to)
            const [slow, fast] = slowMoves ? [site.migrating, site.staying] : [site.staying, site.migrating]
            const cookie = await site.start()
            const finish = await slowly(slow, cookie)
            const done: Done[] = []
            const steps = await site.steps.during(
              async () => done.push(await finish()),
              async (step) => {
                if (step === at) done.push(await (await quickly(fast, cookie))())
              },
            )
            const what = `${slowMoves ? 'step 3' : 'step 2'} is slow, at ${at}`
            // The same value is not sent again.
            const browser = done.findLast((one) => ![undefined, cookie].includes(one.cookie))?.cookie ?? cookie
            const added = done.filter((one) => one.added).length
            for (const [where, process] of Object.entries({ 'step 2': site.staying, 'step 3': site.migrating })) {
              const data = await read(process, browser)
              if (data?.[USER_KEY] !== '7') wrong.push(`${what}: signed out in ${where}`)
              else if (merges && data['n'] !== added) wrong.push(`${what}: ${data['n']} of ${added} in ${where}`)
            }
            if (done.some((one) => !one.acknowledged)) wrong.push(`${what}: refused`)
            return steps
          })
        }
        t.deepEqual(wrong, [])
      })
    }
  }

  for (const [name, slowly] of Object.entries(ACTIONS)) {
    if (name === 'key change' && !forwards) continue
    serial(`${from} to ${to}: a logout and a ${name} by processes in neighbouring steps`, async (t) => {
      const wrong: string[] = []
      for (const slowMoves of [true, false]) {
        for (const endsSlowly of [true, false]) {
          await forEachStep(async (at) => {
            const site = bench(from, to)
            const [slow, fast] = slowMoves ? [site.migrating, site.staying] : [site.staying, site.migrating]
            const cookie = await site.start()
            const given = [cookie]
            const end = async (process: Site) => {
              const { session } = await open(process, cookie)
              return () => session.flush()
            }
            const change = async (finish: () => Promise<Done>) => void given.push((await finish()).cookie ?? '')
            const slowEnd = endsSlowly ? await end(slow) : undefined
            const slowChange = endsSlowly ? undefined : await slowly(slow, cookie)
            const steps = await site.steps.during(
              async () => (slowEnd ? await slowEnd() : slowChange && (await change(slowChange))),
              async (step) => {
                if (step !== at) return
                if (endsSlowly) await change(await slowly(fast, cookie))
                else await (await end(fast))()
              },
            )
            // A sign-in proves who it is by itself.
            const counted = name === 'sign-in' ? [cookie] : given
            if (at > steps) return steps
            for (const process of [site.staying, site.migrating, site.before, site.after]) {
              for (const one of counted)
                if (one && (await read(process, one))?.[USER_KEY] === '7')
                  wrong.push(
                    `${slowMoves ? 'step 3' : 'step 2'} is slow, ${endsSlowly ? 'and ends' : 'ended'} at ${at}: ${given.indexOf(one)} opens`,
                  )
            }
            return steps
          })
        }
      }
      t.deepEqual(wrong, [])
    })
  }
}

for (const [from, to] of EACH_PAIR.filter((pair) => pair.every((name) => /^(db, sealed|cache)/.test(name)))) {
  /** A session whose key was changed in step 2, and that then migrated in step 3. */
  async function changedAndMigrated() {
    const site = bench(from, to)
    const old = await site.start()
    const before = await open(site.staying, old)
    const cycled = await (await ACTIONS['key change']?.(site.staying, old))?.()
    const newest = cycled?.cookie ?? ''
    await (await ACTIONS['change']?.(site.migrating, newest))?.()
    return { ...site, old, newest, before }
  }

  serial(
    `${from} to ${to}: a late request with a key that was changed before the migration finds its session`,
    async (t) => {
      for (const which of ['staying', 'migrating'] as const) {
        const { [which]: site, old, newest } = await changedAndMigrated()
        t.like(await read(site, old), { [USER_KEY]: '7', n: 0 }, 'as it was')
        const change = await (await ACTIONS['change']?.(site, old))?.()
        t.like(change, { acknowledged: true, cookie: undefined })
        t.like(await read(site, newest), { n: 3 })
        const again = await (await ACTIONS['sign-in']?.(site, old))?.()
        t.like(again, { acknowledged: true, cookie: newest })
        await (await open(site, old)).session.flush()
        t.is(await read(site, newest), undefined, 'a logout with the old key ends it')
        t.is(await read(site, old), undefined)
      }
    },
  )

  serial(`${from} to ${to}: so does one that began before its key was changed`, async (t) => {
    const { before, newest, staying } = await changedAndMigrated()
    before.session.update('n', increment)
    t.is((await before.commit()).outcome, 'saved')
    t.like(await read(staying, newest), { n: 3 })
    await before.session.flush()
    t.is(await read(staying, newest), undefined)
  })
}

test('a session that was created in step 2 can be changed again by the same request', async (t) => {
  for (const [from, to] of EACH_PAIR) {
    const { staying, before } = bench(from, to)
    const { session, state, commit } = await open(staying)
    session.set('n', 1)
    const created = await commit()
    if (created.outcome !== 'saved') return t.fail()
    state.stored(created.loaded, false)
    session.set('n', 2)
    const saved = await commit()
    t.is(saved.outcome, 'saved')
    const cookie = (saved.outcome === 'saved' ? saved.cookie : undefined) ?? created.cookie ?? ''
    t.like(await read(before, cookie), { n: 2 }, `${from} to ${to}`)
  }
})

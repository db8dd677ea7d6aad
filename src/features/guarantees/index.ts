import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import { currentChoice } from '../../storage/choices.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { requireInput, wantsJson } from '../../web/input.ts'
import { Throttle } from '../../web/throttle.ts'
import { engineSide } from './engine-side.ts'
import { PAGE, type Side, type State } from './side.ts'

// An empty form begins nothing, as everywhere.
const beginning = z.object({ begin: z.literal(true) })
const addition = z.object({ item: z.int().min(0).max(999), slowly: z.boolean().default(false) })

// Reading, a query or two, changing: long enough for requests to overlap.
const WORK_MS = 20
const SLOW_WORK_MS = 500
const MAX_AT_WORK = 1000
// Every run begins one demonstration for each side.
const RUNS = { max: 120, seconds: 300 }
// At most two a run. Each leaves a record, or its sign-out an entry among the revocations.
const SIGN_INS = { max: 240, seconds: 300 }

export default defineFeature({ name: 'guarantees', open: guarantees })

/** A page on which the visitor's own browser sends requests that overlap, and counts what is left of them. */
function guarantees(services: Services): OpenFeature {
  const { config } = services
  const throttle = new Throttle(services)
  const ours = engineSide(services)
  const engine = async () => ours
  const router = new Router()
  const sides = config.mode === 'development' ? { engine, 'koa-session': koaSessions() } : { engine }
  const names = Object.keys(sides)
  let atWork = 0

  router.get(PAGE, async (ctx) => {
    const choice = await currentChoice(config)
    if (wantsJson(ctx)) {
      const { name, bothGuarantees, limits } = choice
      ctx.body = { engine: name, bothGuarantees, limits, sides: names }
    } else await ctx.render('guarantees/guarantees.njk', { choice, sides: names })
  })

  for (const [name, load] of Object.entries(sides)) {
    const at = (action: string) => `${PAGE}/${name}/${action}`
    const respond = (ctx: Context, body: State | { ok: true } = { ok: true }) => {
      ctx.set('Cache-Control', 'private, no-store')
      ctx.body = body
    }
    // Not a GET, which would be taken for a page of the visitor's own session.
    router.post(at('state'), async (ctx) => respond(ctx, await (await load()).state(ctx)))
    router.post(at('begin'), async (ctx) => {
      requireInput(ctx, beginning)
      await throttle.attempt(ctx, 'guarantees', RUNS)
      await (await load()).begin(ctx)
      respond(ctx)
    })
    router.post(at('add'), async (ctx) => {
      const { item, slowly } = requireInput(ctx, addition)
      if (atWork >= MAX_AT_WORK) ctx.throw(429, 'Too many attempts. Please try again later.')
      atWork++
      try {
        await (await load()).add(ctx, { item, work: slowly ? SLOW_WORK_MS : WORK_MS })
      } finally {
        atWork--
      }
      respond(ctx)
    })
    router.post(at('sign-in'), async (ctx) => {
      await (await load()).signIn(ctx, () => throttle.attempt(ctx, 'guarantees-sign-in', SIGN_INS))
      respond(ctx)
    })
    router.post(at('sign-out'), async (ctx) => {
      await (await load()).signOut(ctx)
      respond(ctx)
    })
    router.post(at('end'), async (ctx) => {
      await (await load()).end(ctx)
      respond(ctx)
    })
  }

  return {
    routes: router.routes(),
    attractions: [
      {
        href: PAGE,
        title: 'See the guarantees',
        text: 'Press a button: your browser sends a hundred requests at once, and the page counts what is kept.',
        kind: 'see',
      },
    ],
  }
}

/** Loaded with its first request: koa-session is a package for development alone. */
function koaSessions(): () => Promise<Side> {
  let loading: Promise<Side> | undefined
  return () => {
    loading ??= import('./koa-session-side.ts').then((module) => module.koaSessionSide())
    return loading
  }
}

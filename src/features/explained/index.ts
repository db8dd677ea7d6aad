import { AsyncLocalStorage } from 'node:async_hooks'
import Router from '@koa/router'
import type { Services } from '../../services.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { wantsJson } from '../../web/input.ts'
import { History, Request, type RequestRecord } from './requests.ts'
import { Explainer } from './rows.ts'

const PAGE = '/session'

export default defineFeature({ name: 'explained', open: explained })

/** In development: what became of the session, at the foot of every page, on a separate page and in Server-Timing. */
function explained(services: Services): OpenFeature {
  const { config } = services
  const router = new Router()
  if (config.mode !== 'development') return { routes: router.routes() }

  const requests = new AsyncLocalStorage<Request>()
  const history = new History()
  services.watch((event) => void requests.getStore()?.events.push(event))

  router.get(PAGE, async (ctx) => {
    const explainer = new Explainer(services, await ctx.display(), await ctx.translate())
    const tell = () => requests.getStore()?.tell() ?? ctx.throw(404)
    // Called by the view: only then have the messages that it shows been taken out of the session.
    const session = () => explainer.long(tell())
    const earlier = history
      .of(tell().received)
      .map((one) => ({ ...explainer.title(one), rows: explainer.earlier(one) }))
    if (wantsJson(ctx)) ctx.body = { session: session(), earlier }
    else await ctx.render('explained/session.njk', { session, earlier })
  })

  return {
    routes: router.routes(),
    outermost: async (ctx, next) => {
      const request = new Request(ctx, config.session.cookie.name)
      await requests.run(request, next)
      const record = request.tell()
      ctx.set('Server-Timing', serverTiming(request, record))
      // Looking at the list must not push out what is looked for.
      if (record !== undefined && ctx.path !== PAGE) history.add(record)
    },
    explain: (_ctx, explanation) => {
      const request = requests.getStore()
      if (request !== undefined) request.explain = explanation
    },
    foot: (display, t) => {
      const record = requests.getStore()?.tell()
      if (record === undefined) return undefined
      const explainer = new Explainer(services, display, t)
      return { view: 'explained/panel.njk', summary: explainer.summary(record), rows: explainer.short(record) }
    },
  }
}

/** What the browser's tools show beside a request; milliseconds (W3C Server Timing). */
function serverTiming({ milliseconds }: Request, record: RequestRecord | undefined): string {
  const entry = (name: string, value: number, description?: string) =>
    `${name};dur=${value.toFixed(1)}${description === undefined ? '' : `;desc="${description}"`}`
  const { opening, writing, decision, engine } = record?.explanation ?? {}
  return [
    ...(opening === undefined ? [] : [entry('session-load', opening.milliseconds, engine)]),
    ...(writing === undefined || decision?.write === 'none'
      ? []
      : [entry('session-save', writing.milliseconds, decision?.write)]),
    entry('total', milliseconds),
  ].join(', ')
}

import { AsyncLocalStorage } from 'node:async_hooks'
import Router from '@koa/router'
import type { Services } from '../../services.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { wantsJson } from '../../web/input.ts'
import { History, Request, type RequestRecord } from './requests.ts'
import { Explainer } from './rows.ts'

const PAGE = '/session'

export default defineFeature({ name: 'explained', open: explained })

/** In development: what happened to the session, at the end of every page, on a separate page and in Server-Timing. */
function explained(services: Services): OpenFeature {
  const { config } = services
  const router = new Router()
  if (config.mode !== 'development') return { routes: router.routes() }

  const requests = new AsyncLocalStorage<Request>()
  const history = new History()
  services.addObserver((event) => void requests.getStore()?.events.push(event))

  router.get(PAGE, async (ctx) => {
    const explainer = new Explainer(services, await ctx.display(), await ctx.translate())
    const record = () => requests.getStore()?.record() ?? ctx.throw(404)
    // Called by the view, after the messages that it shows have been removed from the session.
    const session = () => explainer.long(record())
    const earlier = history
      .of(record().received)
      .map((earlier) => ({ ...explainer.title(earlier), rows: explainer.earlier(earlier) }))
    if (wantsJson(ctx)) ctx.body = { session: session(), earlier }
    else await ctx.render('explained/session.njk', { session, earlier })
  })

  return {
    routes: router.routes(),
    outermost: async (ctx, next) => {
      const request = new Request(ctx, config.session.cookie.name)
      await requests.run(request, next)
      const record = request.record()
      ctx.set('Server-Timing', serverTiming(request, record))
      // Viewing the list must not remove entries from it.
      if (record !== undefined && ctx.path !== PAGE) history.add(record)
    },
    explain: (_ctx, explanation) => {
      const request = requests.getStore()
      if (request !== undefined) request.explain = explanation
    },
    footer: (display, t) => {
      const record = requests.getStore()?.record()
      if (record === undefined) return undefined
      const explainer = new Explainer(services, display, t)
      return { view: 'explained/panel.njk', summary: explainer.summary(record), rows: explainer.short(record) }
    },
  }
}

/** The Server-Timing header, which browsers show in their developer tools; milliseconds. */
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

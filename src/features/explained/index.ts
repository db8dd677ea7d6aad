import { AsyncLocalStorage } from 'node:async_hooks'
import Router from '@koa/router'
import type { Services } from '../../services.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { queryParam, wantsJson } from '../../web/input.ts'
import { History, Request, type RequestRecord } from './requests.ts'
import { Explainer } from './rows.ts'
import { entriesOf } from './values.ts'

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
    const now = () => ({
      rows: explainer.long(record()),
      tree: explainer.tree(record()),
      changes: explainer.changes(record()),
    })
    const all = history.of(record().received)
    const described = (one: RequestRecord) => ({ ...explainer.title(one), rows: explainer.earlier(one) })
    const isDownload = queryParam(ctx, 'format') === 'json'
    if (isDownload || wantsJson(ctx)) {
      if (isDownload) ctx.attachment('session.json')
      const data = entriesOf(record().explanation)
      const earlier = all.map((one) => ({ ...described(one), changes: one.changes }))
      ctx.body = { data, changes: record().changes, session: explainer.long(record()), earlier }
    } else {
      const earlier = all.map((one) => ({ ...described(one), changes: explainer.changes(one) }))
      await ctx.render('explained/session.njk', { now, earlier })
    }
  })

  return {
    routes: router.routes(),
    attractions: [
      {
        href: PAGE,
        title: 'The session explained',
        text: 'What is in your session, what each request has changed in it, and why it was saved.',
        kind: 'see',
      },
    ],
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

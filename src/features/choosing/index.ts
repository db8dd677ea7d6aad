import Router from '@koa/router'
import type { Context } from 'koa'
import type { Services } from '../../services.ts'
import { browserDisplay } from '../../web/display.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { wantsJson } from '../../web/input.ts'
import type { Language } from '../../web/languages.ts'
import { GUIDE } from './guide.ts'
import { type Figures, figuresOf, type Measured, readMeasured } from './measured.ts'
import { COLUMNS, milliseconds, NOTES, percent } from './texts.ts'
import { VARIANTS, variantOf } from './variants.ts'

// Nobody's page: without a session there is no menu but this.
const NAV = [
  { href: '/', label: 'Home', place: 'main' },
  { href: '/engines', label: 'Engines', place: 'main' },
] as const

export default defineFeature({ name: 'choosing', open: engines })

/** Choosing an engine: what each promises, needs and costs. It never asks for the session, so anybody may cache it. */
function engines({ config }: Services): OpenFeature {
  const router = new Router()
  const measured = readMeasured()
  const figures = figuresOf(measured)
  const running = variantOf(config)

  router.get('/engines', async (ctx) => {
    ctx.set('Cache-Control', 'public, max-age=60')
    if (wantsJson(ctx)) ctx.body = asJson(running, measured, figures)
    else await show(ctx, running, measured, figures)
  })

  return {
    routes: router.routes(),
    page: () => ({ nav: [{ href: '/engines', label: 'Engines', place: 'main' }] }),
  }
}

function asJson(running: string, measured: Measured | undefined, figures: readonly Figures[]) {
  const { results: _, ...conditions } = measured ?? { results: [] }
  return {
    running,
    engines: VARIANTS.map(({ measured: candidates, ...variant }) => ({
      ...variant,
      running: variant.id === running,
      figures: candidates.flatMap(({ candidate }) => figures.filter((one) => one.candidate === candidate)),
    })),
    guide: GUIDE,
    measured: measured === undefined ? null : conditions,
  }
}

async function show(ctx: Context, running: string, measured: Measured | undefined, figures: readonly Figures[]) {
  const display = browserDisplay(ctx)
  const { language } = display
  const shown = new Map(figures.map((one) => [one.candidate, formatted(one, language)]))
  const locals = {
    nav: NAV,
    running: VARIANTS.find(({ id }) => id === running),
    variants: VARIANTS.map((variant) => ({ ...variant, main: shown.get(variant.measured[0]?.candidate ?? '') })),
    names: Object.fromEntries(VARIANTS.map(({ id, name }) => [id, name])),
    figures: [...shown.values()],
    columns: COLUMNS,
    notes: NOTES,
    guide: GUIDE,
    measured: measured === undefined ? null : { ...measured, date: Date.parse(measured.date) },
  }
  await ctx.render('choosing/choosing.njk', locals, { impersonal: display })
}

function formatted({ candidate, name, none, read, change, p99Read, p99Change }: Figures, language: Language) {
  return {
    candidate,
    name,
    none: percent(none, language),
    read: percent(read, language),
    change: percent(change, language),
    p99Read: milliseconds(p99Read, language),
    p99Change: milliseconds(p99Change, language),
  }
}

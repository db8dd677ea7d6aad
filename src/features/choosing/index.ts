import Router from '@koa/router'
import type { Context } from 'koa'
import type { Services } from '../../services.ts'
import { DEFAULT_DISPLAY, LANGUAGES, type Language } from '../../web/display.ts'
import type { Feature } from '../../web/feature.ts'
import { LAYOUT_GERMAN, translator } from '../../web/i18n.ts'
import { inQuery, wantsJson } from '../../web/input.ts'
import { german } from './german.ts'
import { GUIDE } from './guide.ts'
import { type Figures, figuresOf, type Measured, readMeasured } from './measured.ts'
import { COLUMNS, milliseconds, NOTES, percent } from './texts.ts'
import { VARIANTS, variantOf } from './variants.ts'

const GERMAN = new Map(Object.entries({ ...LAYOUT_GERMAN, ...german }))
// Nobody's page: without a session there is no menu but this.
const NAV = [
  { href: '/', label: 'Home', place: 'main' },
  { href: '/engines', label: 'Engines', place: 'main' },
] as const

/** Choosing an engine: what each promises, needs and costs. It never asks for the session, so anybody may cache it. */
export default function engines({ config }: Services): Feature {
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
    german,
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
  const language = languageOf(ctx)
  const shown = new Map(figures.map((one) => [one.candidate, formatted(one, language)]))
  const locals = {
    t: translator(language, GERMAN),
    display: { ...DEFAULT_DISPLAY, language },
    nav: NAV,
    languages: LANGUAGES.filter((other) => other !== language),
    running: VARIANTS.find(({ id }) => id === running),
    variants: VARIANTS.map((variant) => ({ ...variant, main: shown.get(variant.measured[0]?.candidate ?? '') })),
    names: Object.fromEntries(VARIANTS.map(({ id, name }) => [id, name])),
    figures: [...shown.values()],
    columns: COLUMNS,
    notes: NOTES,
    guide: GUIDE,
    measured: measured === undefined ? null : { ...measured, date: Date.parse(measured.date) },
  }
  await ctx.render('choosing/choosing.njk', locals, { impersonal: true })
}

/** By the address, or else as the browser asks: what a visitor has chosen here is in the session. */
function languageOf(ctx: Context): Language {
  ctx.vary('Accept-Language')
  const wanted = inQuery(ctx, 'language') ?? ctx.acceptsLanguages(...LANGUAGES)
  return LANGUAGES.find((known) => known === wanted) ?? DEFAULT_DISPLAY.language
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

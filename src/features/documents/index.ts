import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Router from '@koa/router'
import { projectRoot } from '../../paths.ts'
import type { Services } from '../../services.ts'
import { type Attraction, defineFeature, type OpenFeature } from '../../web/feature.ts'
import { wantsJson } from '../../web/input.ts'
import { outlineOf, renderMarkdown } from './markdown.ts'

const PAGE = '/docs'
const folder = join(projectRoot, 'docs')

const INTRODUCTIONS: readonly (Omit<Attraction, 'href' | 'kind'> & { readonly name: string })[] = [
  {
    name: 'adding-a-feature',
    title: 'Add a feature',
    text: 'A table, a form, a page and its test, in a quarter of an hour.',
  },
  {
    name: 'sessions',
    title: 'Work with sessions',
    text: 'The whole API, from a counter to overlapping requests and large objects.',
  },
  { name: 'architecture', title: 'Architecture', text: 'The path of a request, and the reasons for the design.' },
  { name: 'deploying', title: 'Deploy', text: 'From a build to a new version without a pause.' },
]

export default defineFeature({ name: 'documents', open: documents })

/** In development: the documents of `docs/` as pages. */
function documents({ config }: Services): OpenFeature {
  const router = new Router()
  const addressOf = documentAddress(config)
  if (addressOf === undefined) return { routes: router.routes() }

  router.get(PAGE, async (ctx) => {
    const all = namesOfDocuments().map((name) => ({ href: `${PAGE}/${name}`, ...outlineOf(read(name)) }))
    if (wantsJson(ctx)) ctx.body = all
    else await ctx.render('documents/list.njk', { documents: all })
  })

  router.get(`${PAGE}/:name`, async (ctx) => {
    const name = namesOfDocuments().find((known) => known === ctx['params'].name) ?? ctx.throw(404)
    const text = read(name)
    const { title } = outlineOf(text)
    if (wantsJson(ctx)) ctx.body = { title, document: text }
    else await ctx.render('documents/document.njk', { title, document: renderMarkdown(text, { addressOf }) })
  })

  const attractions = INTRODUCTIONS.filter(({ name }) => existsSync(join(folder, `${name}.md`)))
  return {
    routes: router.routes(),
    attractions: [
      ...attractions.map(({ name, ...one }): Attraction => ({ ...one, href: `${PAGE}/${name}`, kind: 'read' })),
      { href: PAGE, title: 'All documents', text: 'Security, operating, scaling, Django and more.', kind: 'read' },
    ],
  }
}

/** Gives the address of the page of a linked document; undefined where there are no such pages. */
export function documentAddress({ mode }: Services['config']): ((link: string) => string | undefined) | undefined {
  if (mode !== 'development') return undefined
  return (link) => {
    const [, name = '', section = ''] = /^([a-z0-9-]+)\.md(#.*)?$/.exec(link) ?? []
    return namesOfDocuments().includes(name) ? `${PAGE}/${name}${section}` : undefined
  }
}

function namesOfDocuments(): string[] {
  const files = existsSync(folder) ? readdirSync(folder) : []
  return files
    .filter((file) => /^[a-z0-9-]+\.md$/.test(file))
    .map((file) => file.slice(0, -3))
    .sort()
}

function read(name: string): string {
  return readFileSync(join(folder, `${name}.md`), 'utf8')
}

import test from 'ava'
import { outlineOf, renderMarkdown } from '../../../src/features/documents/markdown.ts'
import { startApp } from '../../support/app.ts'

interface Listed {
  readonly href: string
  readonly title: string
  readonly summary: string
}

test('in development every document is a page with a title, and every link between them leads somewhere', async (t) => {
  const app = await startApp({ NODE_ENV: 'development' })
  t.teardown(() => app.close())
  const browser = app.browser()
  const all = (await browser.json('GET', '/docs')).json<Listed[]>()
  t.true(all.length > 5)
  const pages = new Map<string, string>()
  for (const { href, title, summary } of all) {
    const { status, text } = await browser.get(href)
    t.is(status, 200, href)
    t.true(text.includes(`<h1 lang="en">${title}</h1>`), href)
    t.notRegex(title + summary, /[`*<\]]|^\s*$/, href)
    pages.set(href, text)
  }
  const links = [...pages].flatMap(([from, text]) =>
    [...text.matchAll(/<a href="((?:\/docs\/|#)[^"]*)"/g)].map(([, link = '']) => new URL(link, app.origin + from)),
  )
  t.true(links.length > 20)
  for (const { pathname, hash } of links) {
    const page = pages.get(pathname)
    t.truthy(page, pathname)
    if (hash !== '') t.true(page?.includes(`id="${decodeURIComponent(hash.slice(1))}"`), pathname + hash)
  }
  t.is((await browser.get('/docs/nothing')).status, 404)
  t.is((await browser.get('/docs/..%2FREADME')).status, 404)
})

test('elsewhere there are no such pages, and no links to them', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  for (const path of ['/docs', '/docs/sessions']) t.is((await app.browser().get(path)).status, 404)
  t.notRegex((await app.browser().get('/')).text, /href="\/docs/)
})

test('the home page offers documents by what they are for, not by their file names', async (t) => {
  const app = await startApp({ NODE_ENV: 'development' })
  t.teardown(() => app.close())
  const { text } = await app.browser().get('/')
  t.regex(text, /<a href="\/docs\/sessions">Work with sessions<\/a>/)
  t.notRegex(text, /\.md\b/)
})

test('Markdown: HTML is escaped, there are no style attributes, and scrollable parts are focusable', (t) => {
  const { html, markedId } = renderMarkdown(
    '# Title\n\n## <b>One</b>\n\n<script>alert(1)</script>\n\n| a | b |\n|---|---:|\n| c | d |\n\n```sh\n<x>\n```\n',
    { marked: { heading: 'another', badge: 'running' } },
  )
  t.is(markedId, undefined)
  t.notRegex(html, /<script|<b>|style=|Title/)
  t.regex(html, /<div class="table-wrap" role="group" tabindex="0" aria-labelledby="boneb">/)
  t.regex(html, /<td class="number">d<\/td>/)
  t.regex(renderMarkdown('| | b |\n|---|---|\n| c | d |\n').html, /<td><\/td>\s*<th scope="col">b<\/th>/)
  t.regex(html, /<pre tabindex="0"><code>&lt;x&gt;/)
})

test('Markdown: comments are left out, links to other files need an address, and headings have ids as on GitHub', (t) => {
  const text =
    '<!-- only with cart -->\n# Title\n\n## What is `new`\n\n[a](a.md#b) [code](../src/x.ts) [here](#what-is-new)\n\n## What is `new`\n'
  const addressOf = (link: string) => (link.startsWith('a.md') ? `/docs/${link.replace('.md', '')}` : undefined)
  const { html } = renderMarkdown(text, { addressOf })
  t.notRegex(html, /only with|Title/)
  t.regex(html, /<h2 id="what-is-new">.*<h2 id="what-is-new-1">/s)
  t.regex(html, /<a href="\/docs\/a#b">a<\/a> code <a href="#what-is-new">here<\/a>/)
  t.notRegex(renderMarkdown(text).html, /<a href="(?!#)/)
})

test('a document is introduced by its first sentence, or by its sections', (t) => {
  const text = '# Work\n\nUse `it` with\n[care](care.md). More.\n\n## One\n'
  t.deepEqual(outlineOf(text), { title: 'Work', summary: 'Use it with care.' })
  t.is(outlineOf('# Work\n\n## One\n\nText.\n\n## Two\n').summary, 'One · Two')
})

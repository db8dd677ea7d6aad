import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Router from '@koa/router'
import { projectRoot } from '../../paths.ts'
import type { Services } from '../../services.ts'
import { choiceOf } from '../../storage/open.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { wantsJson } from '../../web/input.ts'
import { documentAddress } from '../documents/index.ts'
import { renderMarkdown } from '../documents/markdown.ts'

// The page has no session, and so no menu of the features.
const NAV = [
  { href: '/', label: 'Home', place: 'main' },
  { href: '/engines', label: 'Engines', place: 'main' },
] as const

export default defineFeature({ name: 'choosing', requires: ['documents'], open: engines })

/** docs/choosing-an-engine.md as a page. It never opens the session, so it is cacheable. */
function engines({ config }: Services): OpenFeature {
  const router = new Router()
  const text = readFileSync(join(projectRoot, 'docs', 'choosing-an-engine.md'), 'utf8')
  const running = choiceOf(config)
  const addressOf = documentAddress(config)
  const rendered = (badge: string) => renderMarkdown(text, { marked: { heading: running, badge }, addressOf })

  router.get('/engines', async (ctx) => {
    ctx.set('Cache-Control', 'public, max-age=60')
    if (wantsJson(ctx)) ctx.body = { running, document: text }
    else
      await ctx.render('choosing/choosing.njk', { nav: NAV, running, rendered }, { sessionless: ctx.browserDisplay() })
  })

  return {
    routes: router.routes(),
    page: () => ({ nav: [{ href: '/engines', label: 'Engines', place: 'main' }] }),
  }
}

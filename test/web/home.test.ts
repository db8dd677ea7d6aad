import Router from '@koa/router'
import test from 'ava'
import { type Attraction, defineFeature } from '../../src/web/feature.ts'
import { startApp } from '../support/app.ts'

// The first thing to see gets the button, where no other feature has one.
const attractions: readonly Attraction[] = [
  { href: '/zero', title: 'Zero', text: 'What is seen at zero.', kind: 'see' },
  { href: '/one', title: 'One <b>', text: 'What is seen at one.', kind: 'see' },
  { href: 'javascript:alert(1)', title: 'Two', text: 'What is read at two.', kind: 'read' },
]
const offering = defineFeature({
  name: 'offering',
  open: () => ({
    routes: new Router().routes(),
    attractions,
    page: () => ({ nav: [{ href: '/one', label: 'One', place: 'main' as const }] }),
  }),
})

test('the home page offers what features have to see and to read, each with what is there', async (t) => {
  const app = await startApp({}, undefined, [offering])
  t.teardown(() => app.close())
  const { text } = await app.browser().get('/')
  const at = ['Nothing is lost', '<a href="/one">One &lt;b&gt;</a>', 'What is seen at one.', 'What is read at two.']
  const places = at.map((part) => text.indexOf(part))
  t.false(places.includes(-1), String(places))
  t.deepEqual(
    places.toSorted((a, b) => a - b),
    places,
  )
  t.notRegex(text, /javascript:|<b>/)
})

test('the home page has at most one button, and none of the menu', async (t) => {
  const app = await startApp({ NODE_ENV: 'development' })
  t.teardown(() => app.close())
  const { text } = await app.browser().get('/')
  const [header = '', main = ''] = text.split('<main')
  const buttons = [...main.matchAll(/<a class="button[^"]*" href="([^"]*)"/g)].map(([, href]) => href)
  t.true(buttons.length <= 1)
  for (const href of buttons) t.false(header.includes(`href="${href}"`), href)
  t.notRegex(main, /\w\.md\b/, 'documents have titles')
})

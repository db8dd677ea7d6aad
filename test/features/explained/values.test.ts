import test from 'ava'
import { z } from 'zod'
import { formats } from '../../../src/features/explained/formats.ts'
import { eventTexts } from '../../../src/features/explained/saving.ts'
import { changeRows, treeOf } from '../../../src/features/explained/tree.ts'
import { entriesOf, HIDDEN, valueChanges } from '../../../src/features/explained/values.ts'
import type { Json } from '../../../src/session/core/data.ts'
import { defineSlice } from '../../../src/session/index.ts'
import { DEFAULT_DISPLAY } from '../../../src/web/display.ts'
import { startApp } from '../../support/app.ts'
import notes from '../../support/notes.ts'
import { note, notesOf, signIn } from '../../support/notes-steps.ts'
import { translations } from '../../support/translations.ts'

defineSlice({
  name: 'basket',
  schema: z.record(z.string(), z.int()),
  default: (): Record<string, number> => ({}),
  version: 2,
  upgrades: { 1: () => ({}) },
  budget: 500,
})

const holding = (data: Record<string, Json>) => ({
  content: Object.entries(data).map(([key, value]) => ({ key, bytes: JSON.stringify(value).length })),
  data,
})

test('what could be a secret is hidden, wherever it is', (t) => {
  const token = 'Zx81-kP3v9QzX7mW2sL5tR8y'
  const data = {
    fruit: 'a red apple',
    _auth_user_id: '7',
    _auth_user_hash: 'short',
    apiKey: 'short',
    deep: { list: [{ password: 'short', name: 'ada', none: null }], [token]: 1, other: token },
    basket: { v: 1, t: 10, d: { token: null, secret: ['a', 'b'] } },
  }
  t.deepEqual(
    entriesOf(holding(data)).map(({ key, value }) => [key, value]),
    [
      ['fruit', 'a red apple'],
      ['_auth_user_id', '7'],
      ['_auth_user_hash', HIDDEN],
      ['apiKey', HIDDEN],
      ['deep', { list: [{ password: HIDDEN, name: 'ada', none: null }], [HIDDEN]: 1, other: HIDDEN }],
      ['basket', { token: null, secret: HIDDEN }],
    ],
  )
})

test('the tree names slices with their versions, ages and sizes', (t) => {
  const data = { n: 1, basket: { v: 1, t: Math.trunc(Date.now() / 1000), d: { tea: 2 } }, gone: { v: 3, t: 0, d: [] } }
  const [plain, basket, gone] = treeOf(entriesOf(holding(data)), translations('en'), formats(DEFAULT_DISPLAY))
  t.deepEqual([plain?.name, plain?.text, plain?.notes], ['n', '1', ['1\u00a0B']])
  t.regex(basket?.notes.join('; ') ?? '', /^\d\d\u00a0B; slice, version 1, read as 2; changed .*; at most 500\u00a0B$/)
  t.deepEqual(basket?.children, [{ name: 'tea', notes: [], text: '2' }])
  t.regex(gone?.notes[1] ?? '', /^unknown slice, version 3/)
})

test('a change is shown value by value, before and after, without secrets', (t) => {
  const changes = [
    { key: 'basket', before: { v: 2, t: 1, d: { tea: 1, rice: 1 } }, after: { v: 2, t: 2, d: { tea: 2, milk: 1 } } },
    { key: '_auth_user_hash', before: 'one', after: 'two' },
    { key: 'gone', before: 'x', after: undefined },
  ]
  t.deepEqual(changeRows(valueChanges(changes), translations('en')), [
    { path: 'basket.tea', before: '1', after: '2' },
    { path: 'basket.rice', before: '1', after: 'nothing' },
    { path: 'basket.milk', before: 'nothing', after: '1' },
    { path: '_auth_user_hash', before: `"${HIDDEN}"`, after: `"${HIDDEN}"` },
    { path: 'gone', before: '"x"', after: 'nothing' },
  ])
})

test('the page and the download have the data, and what the last requests changed', async (t) => {
  const app = await startApp({ NODE_ENV: 'development' }, undefined, [notes])
  t.teardown(() => app.close())
  const browser = app.browser()
  await note(browser, 'milk')
  await note(browser, 'milk', 2)
  const page = await browser.get('/session')
  t.regex(
    page.text,
    /<code>notes<\/code> <span class="explained-note">[^<]*<\/span> <span class="explained-note">slice, version 1<\/span>/,
  )
  t.regex(page.text, /<code>notes\.milk<\/code><\/th><td[^>]*><del>1<\/del><\/td><td[^>]*><ins>3<\/ins>/)
  t.regex(page.text, /href="\/session\?format=json" download/)
  const download = await browser.get('/session?format=json')
  t.regex(download.headers.get('content-disposition') ?? '', /attachment; filename="session\.json"/)
  const { data, earlier } = download.json<{
    data: { key: string; value: unknown }[]
    earlier: { changes: unknown }[]
  }>()
  t.deepEqual(data.find(({ key }) => key === 'notes')?.value, { milk: 3 })
  t.deepEqual(earlier[0]?.changes, [{ path: ['notes', 'milk'], before: 1, after: 3 }])
})

test('what another request had set and this one overwrote is named', (t) => {
  const events = [
    { type: 'conflict', attempt: 1 },
    { type: 'replayed' },
    { type: 'overwritten', keys: ['theme', 'size'] },
  ] as const
  t.deepEqual(eventTexts({ events }, translations('en')), [
    'Conflicts with other requests: 1.',
    'Another request saved first; the changes were applied to its result.',
    'Overwritten, as both set the same value: theme, size.',
  ])
})

test('conflicts of requests that overlap are counted', async (t) => {
  const app = await startApp({ NODE_ENV: 'development' }, undefined, [notes])
  t.teardown(() => app.close())
  const browser = app.browser()
  await signIn(browser, 'grace')
  const before = await browser.cookie()
  await Promise.all(Array.from({ length: 10 }, (_, n) => note(browser, `tea${n}`)))
  t.is(Object.keys(await notesOf(browser)).length, 10)
  const { text } = await browser.get('/session', { cookie: before })
  t.regex(text, /Conflicts with other requests: \d+\.|applied to its result/)
})

import test from 'ava'
import { startApp, type TestApp } from '../../support/app.ts'
import { choose } from '../preferences/steps.ts'
import { add, quantities } from './steps.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

test('two tabs change cart and preferences at the same time: both survive', async (t) => {
  const browser = app.browser()
  await add(browser, 1)
  for (let round = 0; round < 10; round++) {
    const [one, two] = await Promise.all([add(browser, 2), choose(browser, 'items_per_page', 10 + round)])
    t.deepEqual([one.status, two.status], [200, 200])
    t.is((await browser.json('GET', '/preferences')).json<{ items_per_page: number }>().items_per_page, 10 + round)
    t.is((await quantities(browser))[2], round + 1)
  }
})

test('pages of the shop: length by preference, any page number shows a page', async (t) => {
  const browser = app.browser()
  const page = async (query: string) =>
    (await browser.json('GET', `/shop${query}`)).json<{ items: unknown[]; page: number; pages: number }>()
  t.like(await page(''), { page: 1, pages: 4 })
  t.is((await page('?page=4')).items.length, 12)
  for (const [query, expected] of [
    ['?page=99', 4],
    ['?page=0', 1],
    ['?page=-1', 1],
    ['?page=x', 1],
    ['?page=1&page=2', 1],
    ['?page=1e9', 1],
  ] as const) {
    t.is((await page(query)).page, expected, query)
  }
  await choose(browser, 'items_per_page', 7)
  t.is((await page('')).items.length, 7)
})

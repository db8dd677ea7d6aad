import type { ExecutionContext } from 'ava'
import type { TestBrowser } from '../support/app.ts'
import { backUp } from './backups.ts'
import type { Deployment, Pages } from './deployment.ts'
import { visitor } from './endings.ts'
import type { RegisterScenario } from './support.ts'

const ANONYMOUS = [null, null]
const pages: Pages = { '/other': (session) => session.set('other', 1) }

/** Three sessions, of which one was changed, one ended and one begun after the backup that was put back then. */
async function restored(t: ExecutionContext, deployment: Deployment) {
  const [changed, ended] = [await visitor(t, deployment, pages), await visitor(t, deployment, pages)]
  for (const { browser } of [changed, ended]) await browser.get('/sign-in')
  const restore = await backUp(changed.here.services)
  await changed.browser.get('/change')
  const cookie = await ended.browser.cookie()
  await ended.browser.get('/end')
  t.false(await ended.opens(cookie))
  const begun = await visitor(t, deployment, pages)
  await begun.browser.get('/sign-in')
  t.deepEqual(await read(begun.browser), ['begun', '7'])
  await restore()
  return { changed, ended: { ...ended, cookie }, begun }
}

const read = async (browser: TestBrowser) => (await browser.get('/read')).json()

/** A backup of the storage is put back while the application runs. */
export function restoredBackups(scenario: RegisterScenario): void {
  scenario(
    'a restored backup: later changes are there, and sessions ended later stay ended',
    async (t) => t.fail('No storage can know what came after its backup'),
    {
      async restoredBackup(t, deployment) {
        const { changed, ended, begun } = await restored(t, deployment)
        t.deepEqual(await read(changed.browser), ['begun', '7'])
        t.true(await ended.opens(ended.cookie))
        t.deepEqual(await read(begun.browser), ANONYMOUS)
      },
      async restoredEndings(t, deployment) {
        const { changed, ended, begun } = await restored(t, deployment)
        t.deepEqual(await read(changed.browser), ['changed', '7'])
        t.true(await ended.opens(ended.cookie))
        t.deepEqual(await read(begun.browser), ['begun', '7'])
      },
      async restoredBehindCopies(t, deployment) {
        const { changed, ended, begun } = await restored(t, deployment)
        t.true(await ended.opens(ended.cookie))
        t.deepEqual(await read(changed.browser), ['changed', '7'], 'from the cache')
        t.is((await changed.browser.get('/other')).status, 200)
        t.deepEqual(await read(changed.browser), ['begun', '7'], 'what was saved on')
        t.deepEqual(await read(begun.browser), ['begun', '7'], 'from the cache')
        t.is((await begun.browser.get('/other')).status, 409)
        t.deepEqual(await read(begun.browser), ANONYMOUS)
      },
    },
  )

  scenario(
    'after a restored backup every session can be changed and ended, and a new one created',
    async (t, deployment) => {
      const { changed, ended, begun } = await restored(t, deployment)
      t.is((await changed.browser.get('/change')).status, 200)
      t.deepEqual(await read(changed.browser), ['changed', '7'])
      t.deepEqual((await changed.elsewhere.get('/read', { cookie: await changed.browser.cookie() })).json(), [
        'changed',
        '7',
      ])
      const cookie = await changed.browser.cookie()
      t.is((await changed.browser.get('/end')).status, 200)
      t.false(await changed.opens(cookie))
      t.is((await ended.elsewhere.get('/end', { cookie: ended.cookie })).status, 200)
      t.false(await ended.opens(ended.cookie))
      // A copy in a cache leads to what is not there, which the first change finds out.
      const { status } = await begun.browser.get('/begin')
      if (status !== 200) t.deepEqual([status, (await begun.browser.get('/begin')).status], [409, 200])
      t.is((await begun.browser.get('/sign-in')).status, 200)
      t.deepEqual(await read(begun.browser), ['begun', '7'])
    },
  )
}

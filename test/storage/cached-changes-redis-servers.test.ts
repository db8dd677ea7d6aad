import { isDeepStrictEqual } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import cache from '../../src/storage/engines/cache.ts'
import { tcpProxy } from '../session/stores/tcp-proxy.ts'
import { type CachedSite, cachedSites, get, servedByCache } from '../support/cached-sites.ts'
import { eventually } from '../support/eventually.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { serviceUrl } from '../support/services.ts'
import type { SessionSite } from '../support/session-site.ts'

const SITE = 'test/support/session-site.ts'
const USER = 'ada'
// The script that replaces a copy, which follows the write to the database; a read needs no script.
const REPLACEMENT = { requests: { hold: 'EVAL' } }

/** One process that changes sessions, one that loses Redis, and one that always reaches it. */
async function bench(t: ExecutionContext, settings: Record<string, string> = {}) {
  const { open, env, server } = await cachedSites(t, {
    SESSION_ENGINE: cache.name,
    CACHE_FALLBACK: 'db',
    CACHE_COMMAND_TIMEOUT: '10000',
    ...settings,
  })
  const [saving, cutOff, other] = [await open(), await open(), await open()]
  const { cookie } = await get(saving, `/sign-in?user=${USER}`)
  t.deepEqual(await idsIn(saving, cookie, '/append?id=0'), ['0'])
  for (const site of [saving, cutOff, other]) await servedByCache(site, cookie)
  /** Resolves when the database has what this is changing, whatever the cache has. */
  const written = async (changing: Promise<unknown>, ids: string[]) => {
    // If it fails as well, that must not hide why the database does not have it.
    changing.catch(() => {})
    cutOff.proxy.cut()
    await eventually(
      () => idsIn(cutOff, cookie),
      (found) => isDeepStrictEqual(found, ids),
    )
  }
  return { saving, cutOff, other, cookie, written, env, server }
}

async function idsIn(site: Pick<SessionSite, 'origin'>, cookie: string, path = '/ids'): Promise<unknown> {
  return idsOf(await get(site, path, cookie))
}

/** As the copy has them; a process uses it only if it knows the epoch well enough. */
async function copiedIds(site: CachedSite, cookie: string): Promise<unknown> {
  return idsOf(await servedByCache(site, cookie, '/ids'))
}

function idsOf({ body }: { readonly body: unknown }): unknown {
  return Array.isArray(body) ? body[1] : body
}

if (serviceUrl('redisServer') !== undefined) {
  test.serial('a change may be shown and then not until it is answered, and from then on it is', async (t) => {
    const { saving, cutOff, other, cookie, written } = await bench(t)
    saving.proxy.fail(REPLACEMENT)
    const changing = idsIn(saving, cookie, '/append?id=1')
    await written(changing, ['0', '1'])
    t.deepEqual(await copiedIds(other, cookie), ['0'])
    saving.proxy.repair()
    t.deepEqual(await changing, ['0', '1'])
    for (const site of [other, cutOff, saving]) t.deepEqual(await idsIn(site, cookie), ['0', '1'])
  })

  test.serial('a change over the older copy loses nothing, nor does a replacement that is late', async (t) => {
    const { saving, other, cookie, written } = await bench(t)
    saving.proxy.fail(REPLACEMENT)
    const changing = idsIn(saving, cookie, '/append?id=1')
    await written(changing, ['0', '1'])
    t.deepEqual(await copiedIds(other, cookie), ['0'])
    t.deepEqual(await idsIn(other, cookie, '/append?id=2'), ['0', '2'], 'as it was loaded')
    t.deepEqual(await idsIn(other, cookie), ['0', '1', '2'])
    saving.proxy.repair()
    t.deepEqual(await changing, ['0', '1'])
    for (const site of [other, saving]) t.deepEqual(await idsIn(site, cookie), ['0', '1', '2'])
  })

  test.serial('Redis is lost between the row and the copy: the answer comes when nobody uses the copy', async (t) => {
    const { saving, cutOff, other, cookie, written } = await bench(t)
    saving.proxy.fail(REPLACEMENT)
    const changing = idsIn(saving, cookie, '/append?id=1')
    await written(changing, ['0', '1'])
    t.deepEqual(await copiedIds(other, cookie), ['0'])
    saving.proxy.cut()
    t.deepEqual(await changing, ['0', '1'])
    for (const site of [other, cutOff, saving]) t.deepEqual(await idsIn(site, cookie), ['0', '1'])
  })

  test.serial('a replacement that arrives after the change was answered without it brings nothing back', async (t) => {
    const { saving, other, cookie } = await bench(t, { CACHE_COMMAND_TIMEOUT: '500' })
    saving.proxy.fail(REPLACEMENT)
    t.deepEqual(await idsIn(saving, cookie, '/append?id=1'), ['0', '1'])
    t.deepEqual(await idsIn(other, cookie, '/append?id=2'), ['0', '1', '2'])
    saving.proxy.repair()
    for (const site of [other, saving]) {
      t.deepEqual(await copiedIds(site, cookie), ['0', '1', '2'])
    }
  })

  test.serial('a process is killed between the row and the copy: the next change is made on the row', async (t) => {
    const { other, cookie, written, env, server } = await bench(t)
    const proxy = await tcpProxy('127.0.0.1', server.port)
    t.teardown(() => proxy.close())
    const dying = startProcess([TYPESCRIPT, SITE], { env: env(proxy.port) })
    t.teardown(() => void dying.child.kill('SIGKILL'))
    const [, origin = ''] = await dying.printed(/on (http:\S+)/)
    await idsIn({ origin }, cookie)
    proxy.fail(REPLACEMENT)
    const changing = get({ origin }, '/append?id=1', cookie)
    await written(changing, ['0', '1'])
    dying.child.kill('SIGKILL')
    await t.throwsAsync(changing)
    await dying.ended()
    t.deepEqual(await copiedIds(other, cookie), ['0'], 'it was never answered')
    await idsIn(other, cookie, '/append?id=2')
    t.deepEqual(await idsIn(other, cookie), ['0', '1', '2'])
  })
}

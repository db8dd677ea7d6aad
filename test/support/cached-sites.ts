import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import redis from '../../src/storage/caches/redis.ts'
import { type TcpProxy, tcpProxy } from '../session/stores/tcp-proxy.ts'
import { TEST_SECRET } from './app.ts'
import { migratedSqlite } from './databases.ts'
import { eventually } from './eventually.ts'
import { RedisServers } from './redis-servers.ts'
import { serviceUrl } from './services.ts'
import { openSite, type SessionSite } from './session-site.ts'

/** A process that the test may cut off from Redis. */
export interface CachedSite extends SessionSite {
  readonly proxy: TcpProxy
  /** How many requests found their session in the cache. */
  readonly hits: () => number
}

/** A database, a Redis that keeps snapshots, and processes that reach it through proxies of their own. */
export async function cachedSites(t: ExecutionContext, settings: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-snapshot-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const servers = new RedisServers(t, serviceUrl('redisServer') ?? '')
  const DATABASE_URL = await migratedSqlite(t)
  const server = await servers.start(['--dir', folder])
  const env = (port: number) => ({
    SECRET_KEY: TEST_SECRET,
    DATABASE_URL,
    CACHE_URL: `${redis.name}://127.0.0.1:${port}`,
    ...settings,
  })
  const open = async (different: Record<string, string> = {}): Promise<CachedSite> => {
    const proxy = await tcpProxy('127.0.0.1', server.port)
    t.teardown(() => proxy.close())
    const site = await openSite({ ...env(proxy.port), ...different })
    let hits = 0
    site.services.addObserver((event) => {
      if (event.type === 'cache' && event.outcome === 'hit') hits++
    })
    let closed = false
    const close = async () => {
      if (!closed) await site.close()
      closed = true
    }
    t.teardown(close)
    return { ...site, proxy, hits: () => hits, close }
  }
  return { server, servers, folder, env, open }
}

/** Asks a process. */
export async function get({ origin }: Pick<SessionSite, 'origin'>, path: string, cookie = '') {
  const response = await fetch(origin + path, { headers: { cookie } })
  const [set] = response.headers.getSetCookie()
  const body: unknown = response.ok ? await response.json() : await response.text()
  return { status: response.status, body, cookie: set?.split(';', 1)[0] ?? cookie }
}

/** Asks a process until it finds the session in the cache; returns that answer. */
export async function servedByCache(site: CachedSite, cookie: string, path = '/read') {
  let before = 0
  return await eventually(
    () => {
      before = site.hits()
      return get(site, path, cookie)
    },
    () => site.hits() > before,
  )
}

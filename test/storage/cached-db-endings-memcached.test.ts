import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import memcached from '../../src/storage/caches/memcached.ts'
import cachedDb from '../../src/storage/engines/cached-db.ts'
import { ownMemcached } from '../session/caches/memcached-wire.ts'
import { TEST_SECRET } from '../support/app.ts'
import { migratedSqlite } from '../support/databases.ts'
import { serviceUrl } from '../support/services.ts'
import { openSite, type SessionSite } from '../support/session-site.ts'

/** An address whose connections go to each of these ports in turn. */
async function balancer(t: ExecutionContext, ports: readonly number[]): Promise<number> {
  let connections = 0
  const server = createServer((client) => {
    const upstream = connect(ports[connections++ % ports.length] ?? 0, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    client.on('close', () => upstream.destroy()).on('error', () => {})
    upstream.on('close', () => client.destroy()).on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

async function get({ origin }: SessionSite, path: string, cookie = '') {
  const response = await fetch(origin + path, { headers: { cookie } })
  const body: unknown = await response.json()
  return { body, cookie: response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie }
}

if (serviceUrl('memcached') !== undefined) {
  test('two Memcacheds behind one name are two caches: a session ended in one is ended for both', async (t) => {
    const servers = [await ownMemcached(t), await ownMemcached(t)]
    const ports = servers.flatMap((server) => server?.port ?? [])
    if (ports.length < 2) return t.pass('Memcached is on another machine')
    const env = {
      SECRET_KEY: TEST_SECRET,
      DATABASE_URL: await migratedSqlite(t),
      SESSION_ENGINE: cachedDb.name,
      CACHE_URL: `${memcached.name}://127.0.0.1:${await balancer(t, ports)}`,
    }
    const [here, there] = [await openSite(env), await openSite(env)]
    t.teardown(() => Promise.all([here.close(), there.close()]))
    const { cookie } = await get(here, '/sign-in?user=7')
    for (const site of [here, there, here, there]) t.deepEqual((await get(site, '/read', cookie)).body, ['7', null])
    await get(here, '/end', cookie)
    t.deepEqual((await get(there, '/read', cookie)).body, [null, null])
  })
}

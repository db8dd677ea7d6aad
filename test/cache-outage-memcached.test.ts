import type { ExecutionContext } from 'ava'
import { findProgram, freePort, startServer, stopServer, whenListening } from '../scripts/test-services/processes.mjs'
import memcached from '../src/storage/caches/memcached.ts'
import { outageSuite, shareSuite } from './support/outages.ts'
import { serviceUrl } from './support/services.ts'

const program = serviceUrl('memcached') === undefined ? undefined : findProgram(['memcached'])

if (program !== undefined) {
  const start = async (t: ExecutionContext, wanted?: number) => {
    const port = wanted ?? (await freePort())
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
    const child = startServer(program, ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user])
    t.teardown(async () => {
      child.kill('SIGCONT')
      await stopServer(child)
    })
    await whenListening(port, child)
    return { port, child }
  }
  outageSuite({ name: memcached.name, start, url: (port) => `memcached://127.0.0.1:${port}` })
  shareSuite({
    name: memcached.name,
    async start(t) {
      const servers = [await start(t), await start(t), await start(t)]
      return { servers, url: `memcached://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}` }
    },
  })
}

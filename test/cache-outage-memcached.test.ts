import { findProgram, freePort, startServer, stopServer, whenListening } from '../scripts/test-services/processes.mjs'
import memcached from '../src/storage/caches/memcached.ts'
import { outageSuite } from './support/outages.ts'
import { serviceUrl } from './support/services.ts'

const program = serviceUrl('memcached') === undefined ? undefined : findProgram(['memcached'])

if (program !== undefined) {
  outageSuite({
    name: memcached.name,
    async start(t, wanted) {
      const port = wanted ?? (await freePort())
      const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
      const child = startServer(program, ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user])
      t.teardown(async () => {
        child.kill('SIGCONT')
        await stopServer(child)
      })
      await whenListening(port, child)
      return { port, child }
    },
    url: (port) => `memcached://127.0.0.1:${port}`,
  })
}

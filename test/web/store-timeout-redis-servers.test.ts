import { serialOn } from '../storage/present.ts'
import { RedisServers } from '../support/redis-servers.ts'
import { serviceUrl } from '../support/services.ts'
import { appInTime, outageInTime } from '../support/store-timeout.ts'

const program = serviceUrl('redisServer')
if (program !== undefined) {
  serialOn({ SESSION_ENGINE: 'cache', CACHE_URL: 'redis://127.0.0.1' })(
    'a Redis that is frozen: 503 within one timeout, however patient its client is',
    async (t) => {
      const { port, child } = await new RedisServers(t, program).start()
      const app = await appInTime(t, {
        SESSION_ENGINE: 'cache',
        CACHE_URL: `redis://127.0.0.1:${port}`,
        CACHE_COMMAND_TIMEOUT: '20000',
      })
      await outageInTime(t, app, {
        begin: () => void child.kill('SIGSTOP'),
        end: () => void child.kill('SIGCONT'),
        sessionsOnly: true,
      })
    },
  )
}

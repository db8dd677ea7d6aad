import test, { type ExecutionContext } from 'ava'
import { tcpProxy } from '../session/stores/tcp-proxy.ts'
import type { TestDatabase } from './databases.ts'
import { appInTime, outageInTime, preparedUrl } from './store-timeout.ts'

/** The application, while a database server does not answer. */
export function frozenDatabaseSuite(database: TestDatabase): void {
  const { name } = database
  const start = async (t: ExecutionContext) => {
    const url = new URL(await preparedUrl(t, database))
    const way = await tcpProxy(url.hostname, Number(url.port))
    t.teardown(() => way.close())
    url.hostname = '127.0.0.1'
    url.port = String(way.port)
    const app = await appInTime(t, { SESSION_ENGINE: 'db', DATABASE_URL: url.href })
    return { app, way }
  }

  test.serial(`${name} accepts connections and says nothing: 503 within one timeout`, async (t) => {
    const { app, way } = await start(t)
    const hold = { hold: true }
    await outageInTime(t, app, {
      begin: () => way.fail({ requests: hold, answers: hold }),
      end: () => way.repair(),
    })
  })

  test.serial(
    `${name} executes and its answers are lost: 503 within one timeout, and nothing is done twice`,
    async (t) => {
      const { app, way } = await start(t)
      await outageInTime(t, app, {
        begin: () => way.fail({ answers: { hold: true } }),
        end: () => way.repair(),
      })
    },
  )

  test.serial(`${name} resets every connection: 503`, async (t) => {
    const { app, way } = await start(t)
    await outageInTime(t, app, { begin: () => way.cut(), end: () => way.repair() })
  })
}

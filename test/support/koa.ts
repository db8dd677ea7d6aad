import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import Koa, { type Middleware } from 'koa'

/** A Koa with these middlewares on a free port. Errors are answered, not printed. */
export async function serve(...middlewares: Middleware[]): Promise<{ origin: string; close(): void }> {
  const app = new Koa()
  for (const middleware of middlewares) app.use(middleware)
  return await listen(app)
}

/** The application on a free port. Errors are answered, not printed. */
export async function listen(app: Koa): Promise<{ origin: string; close(): void }> {
  app.silent = true
  const server = app.listen(0, '127.0.0.1')
  // A busy machine must not close a connection at the moment that a client uses it again.
  server.keepAliveTimeout = 120_000
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

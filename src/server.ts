import { createServer } from 'node:http'
import { createApp } from './app.ts'
import { startCleanup } from './cleanup.ts'
import { readConfig } from './config.ts'
import { DELETE_DEMO_USERS, openDemoAccounts } from './demo-users.ts'
import { developmentSecret } from './development-secret.ts'
import { errorLine, loggedError } from './log-error.ts'
import { openServices, type Services } from './services.ts'
import { ConfigError } from './settings.ts'
import { SITE_NAME } from './web/site.ts'

const REQUESTS_TIMEOUT_MS = 10_000
const FLUSH_TIMEOUT_MS = 5000
// How often Node looks for requests that take too long to arrive; only every 30 seconds by default.
const ARRIVAL_CHECK_MS = 500
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is used by another program: stop it, or set another PORT',
  EACCES: 'may not be used by this user: set PORT to a number above 1023',
  EADDRNOTAVAIL: 'is not an address of this machine: change HOST',
}

try {
  await start()
} catch (error) {
  // A mistake in the settings is one sentence; anything else is a bug and shows its stack.
  console.error(error instanceof ConfigError ? error.message : `${errorLine(error)}\n${loggedError(error).stack}`)
  process.exit(1)
}

async function start(): Promise<void> {
  if (process.env['NODE_ENV'] === 'development') {
    process.env['SECRET_KEY'] ||= developmentSecret()
  }
  const services = await openServices(readConfig(process.env))
  // Node would print every property of the error, with the values that a driver put there.
  process.on('uncaughtException', (error) => {
    services.log.fatal({ err: error }, 'stopped by an uncaught exception')
    process.exit(1)
  })
  // Background work of a handler failed: its response has been sent, and other requests are not affected.
  process.on('unhandledRejection', (error) => {
    services.log.error({ err: error }, 'background work failed')
  })
  await services.ready()
  if (services.config.production) await refuseDemoPasswords(services)
  await listen(services)
}

/** @throws ConfigError if an account accepts a published password */
async function refuseDemoPasswords({ knex, log }: Services): Promise<void> {
  const open = await openDemoAccounts(knex).catch((error: unknown) => {
    // With sessions stored elsewhere the application can serve while this database is down.
    log.warn({ err: error }, 'the users table cannot be read: accounts were not checked for demo passwords')
    return []
  })
  if (open.length === 0) return
  throw new ConfigError(
    `Anybody can sign in as ${open.map(({ username }) => username).join(' and ')} with a published demo password: ` +
      `delete these accounts with "${DELETE_DEMO_USERS}", or change their passwords on /account/password under "npm run dev".`,
  )
}

async function listen(services: Services): Promise<void> {
  const { host, port, requestTimeout } = services.config
  // A slow request ends at the first check after this time.
  const arrivalTimeout = requestTimeout * 1000 - ARRIVAL_CHECK_MS
  const server = createServer(
    {
      requestTimeout: arrivalTimeout,
      headersTimeout: arrivalTimeout,
      connectionsCheckingInterval: ARRIVAL_CHECK_MS,
    },
    (await createApp(services)).callback(),
  )
  // Longer than the idle timeout of common proxies, so that they never write into a connection that was just closed.
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = LISTEN_ERRORS[error.code ?? '']
      reject(reason === undefined ? error : new ConfigError(`${host}:${port} ${reason}.`))
    })
    server.listen(port, host, resolve)
  })
  const cleanup = startCleanup(services)

  let stopping = false
  const stop = (signal: string) => {
    if (stopping) return
    stopping = true
    services.log.info({ signal }, 'finishing the requests in flight')
    let code = 0
    setTimeout(() => {
      code = 1
      // No request can add to the pending writes any more: write them all the same.
      server.closeAllConnections()
      setTimeout(() => process.exit(code), FLUSH_TIMEOUT_MS).unref()
    }, REQUESTS_TIMEOUT_MS).unref()
    const cleanedUp = cleanup.stop()
    server.close(async () => {
      await cleanedUp
      await services.close().catch((error: unknown) => {
        code = 1
        services.log.error({ err: error }, 'closing the services failed: pending writes may be lost')
      })
      process.exit(code)
    })
    // On Node 20 close() waits for idle keep-alive connections.
    server.closeIdleConnections()
    setInterval(() => server.closeIdleConnections(), 100).unref()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  // Last: a program that waits for this line may send a signal at once.
  const address = server.address()
  const listening = typeof address === 'object' && address !== null ? address.port : port
  console.log(`${SITE_NAME} is on http://${host}:${listening}`)
  // Not awaited: an empty cache is only slower.
  services.warmAtStart?.().then(
    (copies) => services.log.info({ copies }, 'cache warmed'),
    (error: unknown) => services.log.warn({ err: error }, 'warming the cache failed'),
  )
}

import { createServer } from 'node:http'
import { join } from 'node:path'
import { createApp } from './app.ts'
import { startCleanup } from './cleanup.ts'
import { readConfig } from './config.ts'
import { DELETE_DEMO_USERS, openDemoAccounts } from './demo-users.ts'
import { developmentSecret } from './development-secret.ts'
import { errorSentence, loggedError } from './log-error.ts'
import { projectRoot } from './paths.ts'
import { openServices, type Services } from './services.ts'
import { ConfigError } from './settings.ts'
import { SITE_NAME } from './web/site.ts'

const PATIENCE = 10_000
const LAST_WORDS = 5000
const UNCLEAR: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another program: stop that, or set PORT to another one',
  EACCES: 'may not be used by this user: set PORT to one above 1023',
  EADDRNOTAVAIL: 'is not an address of this machine: set HOST to one that is',
}

try {
  await start()
} catch (error) {
  // What the person who starts it can mend is one sentence; anything else is a bug and shows its stack.
  console.error(error instanceof ConfigError ? error.message : `${errorSentence(error)}\n${loggedError(error).stack}`)
  process.exit(1)
}

async function start(): Promise<void> {
  if (process.env['NODE_ENV'] === 'development') {
    process.env['SECRET_KEY'] ||= developmentSecret(join(projectRoot, 'data', 'secret-key'))
  }
  const services = await openServices(readConfig(process.env))
  // Node itself would print every property of the error, and so what a driver put there.
  process.on('uncaughtException', (error) => {
    services.log.fatal({ err: error }, 'stopped by an error that nobody handled')
    process.exit(1)
  })
  // Work that a handler left running has failed: its visitor has been answered, and the others are none of its business.
  process.on('unhandledRejection', (error) => {
    services.log.error({ err: error }, 'background work failed')
  })
  await services.ready()
  if (services.config.production) await refuseDemoPasswords(services)
  await listen(services)
}

/** @throws ConfigError where an account accepts a password that everybody can read */
async function refuseDemoPasswords({ knex, log }: Services): Promise<void> {
  const open = await openDemoAccounts(knex).catch((error: unknown) => {
    // Where sessions are elsewhere the database may be out at the start, which is no reason not to serve.
    log.warn(
      { err: error },
      'the table of users cannot be read, so nobody knows whether an account has a demo password',
    )
    return []
  })
  if (open.length === 0) return
  throw new ConfigError(
    `Anybody can sign in as ${open.map(({ username }) => username).join(' and ')} with a published demo password: ` +
      `delete every such account with "${DELETE_DEMO_USERS}", or change its password on /account/password under "npm run dev".`,
  )
}

async function listen(services: Services): Promise<void> {
  const { host, port, requestTimeout } = services.config
  const server = createServer((await createApp(services)).callback())
  server.requestTimeout = requestTimeout * 1000
  // Longer than the usual proxy's idle time, so that it never writes into a connection we have just closed.
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const clear = UNCLEAR[error.code ?? '']
      reject(clear === undefined ? error : new ConfigError(`${host}:${port} ${clear}.`))
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
      // What waits to be written is written all the same, once nobody adds to it.
      server.closeAllConnections()
      setTimeout(() => process.exit(code), LAST_WORDS).unref()
    }, PATIENCE).unref()
    const cleanedUp = cleanup.stop()
    server.close(async () => {
      await cleanedUp
      await services.close().catch((error: unknown) => {
        code = 1
        services.log.error({ err: error }, 'not everything could be put in order')
      })
      process.exit(code)
    })
    // On Node 20 close() waits for idle keep-alive connections, which nobody else will close.
    server.closeIdleConnections()
    setInterval(() => server.closeIdleConnections(), 100).unref()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  // Last, because whoever waits for this line may send a signal at once.
  const address = server.address()
  const listening = typeof address === 'object' && address !== null ? address.port : port
  console.log(`${SITE_NAME} is on http://${host}:${listening}`)
  // Beside the first requests, not before them: an empty cache is slower, and not wrong.
  services.warmAtStart?.().then(
    (copies) => services.log.info({ copies }, 'the cache is warm'),
    (error: unknown) => services.log.warn({ err: error }, 'the cache could not be warmed'),
  )
}

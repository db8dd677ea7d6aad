import { type Config, readConfig } from '../../src/config.ts'
import { developmentSecret } from '../../src/development-secret.ts'
import { openServices, type Services } from '../../src/services.ts'
import { StoreUnavailableError } from '../../src/session/core/errors.ts'
import { NotSupportedError, type SessionStore } from '../../src/session/stores/store.ts'
import { ConfigError } from '../../src/settings.ts'
import type { OpenedEngine } from '../../src/storage/part.ts'
import { messageOf } from '../../src/storage/records.ts'

const MIN_STORE_TIMEOUT_MS = 5000

/** The command does not work with this engine or these options; exit 2. */
export class UsageError extends Error {}

/** Runs a command with the configured engine, and closes it afterwards. */
export type Run = (work: (services: Services) => Promise<void>) => Promise<void>

/** Opens the services as the application does. */
export const runWithEngine: Run = async (work) => {
  if (process.env['NODE_ENV'] === 'development') {
    process.env['SECRET_KEY'] ||= developmentSecret()
  } else if (!process.env['SECRET_KEY']) {
    throw new ConfigError(
      'SECRET_KEY is missing: set that of the application, or NODE_ENV=development for the sessions of "npm run dev".',
    )
  }
  const services = await openServices(quiet(readConfig(process.env)))
  try {
    await services.ready()
    await work(services)
  } finally {
    await services.close()
  }
}

/** Without a log, which would be mixed with the output of the command, and with at least 5 seconds for the storage. */
export function quiet(config: Config): Config {
  const storeTimeout = Math.max(config.session.storeTimeout, MIN_STORE_TIMEOUT_MS)
  return { ...config, logLevel: 'silent', session: { ...config.session, storeTimeout } }
}

/** The store of the engine. @throws UsageError if sessions are only in cookies */
export function recordsOf({ store, engine }: OpenedEngine): SessionStore {
  if (store === undefined) throw new UsageError(`The ${engine.name} engine keeps no records on the server.`)
  return store
}

/** @throws Error with one sentence if the cache does not answer */
export async function requireCache({ cache }: OpenedEngine, consequence: string): Promise<void> {
  await cache?.ping().catch((error: unknown) => {
    // Some of these messages end with a full stop.
    throw new Error(`The cache does not answer: ${messageOf(causeOf(error)).replace(/\.$/, '')}. ${consequence}`)
  })
}

/** One sentence for the terminal, and the exit code. */
export function explain(error: unknown): { message: string; exitCode: number } {
  if (error instanceof UsageError || error instanceof NotSupportedError) return { message: error.message, exitCode: 2 }
  if (error instanceof ConfigError) return { message: error.message, exitCode: 1 }
  const cause =
    error instanceof StoreUnavailableError && error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return { message: oneLine(`${messageOf(error)}${cause}`), exitCode: 1 }
}

/** Why the storage was not available, if known. */
export function causeOf(error: unknown): unknown {
  return error instanceof StoreUnavailableError && error.cause !== undefined ? error.cause : error
}

/** Messages of some drivers have several lines. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

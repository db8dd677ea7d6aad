import { join } from 'node:path'
import { type Config, readConfig } from '../../src/config.ts'
import { developmentSecret } from '../../src/development-secret.ts'
import { projectRoot } from '../../src/paths.ts'
import { openServices, type Services } from '../../src/services.ts'
import { StoreUnavailableError } from '../../src/session/core/errors.ts'
import { NotSupportedError, type SessionStore } from '../../src/session/stores/store.ts'
import { ConfigError } from '../../src/settings.ts'
import type { OpenedEngine } from '../../src/storage/part.ts'

/** A command that does not fit the engine or the other options; exit 2. */
export class WrongUse extends Error {}

/** Gives a command the configured engine, and closes it afterwards. */
export type Run = (work: (services: Services) => Promise<void>) => Promise<void>

/** Opens what the settings name, as the application does. */
export const runWithEngine: Run = async (work) => {
  if (process.env['NODE_ENV'] === 'development') {
    process.env['SECRET_KEY'] ||= developmentSecret(join(projectRoot, 'data', 'secret-key'))
  } else if (!process.env['SECRET_KEY']) {
    throw new ConfigError(
      'SECRET_KEY is missing: set the one of the application, or NODE_ENV=development for the sessions of "npm run dev".',
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

/** Without a log, which would stand among what the command prints. */
export function quiet(config: Config): Config {
  return { ...config, logLevel: 'silent' }
}

/** Where the engine keeps its records. @throws WrongUse where the cookie is all there is */
export function recordsOf({ store, engine }: OpenedEngine): SessionStore {
  if (store === undefined) throw new WrongUse(`The ${engine.name} engine keeps no records that could be looked after.`)
  return store
}

/** @throws Error with a sentence when the cache in front of the sessions does not answer */
export async function requireCache({ cache }: OpenedEngine, consequence: string): Promise<void> {
  await cache?.ping().catch((error: unknown) => {
    // Some of these are whole sentences, and some are not.
    throw new Error(`The cache does not answer: ${messageOf(causeOf(error)).replace(/\.$/, '')}. ${consequence}`)
  })
}

/** One sentence for the person at the terminal, and the exit code that goes with it. */
export function explain(error: unknown): { message: string; exitCode: number } {
  if (error instanceof WrongUse || error instanceof NotSupportedError) return { message: error.message, exitCode: 2 }
  if (error instanceof ConfigError) return { message: error.message, exitCode: 1 }
  const cause =
    error instanceof StoreUnavailableError && error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return { message: oneLine(`${messageOf(error)}${cause}`), exitCode: 1 }
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Why the storage was not available, where that is known. */
export function causeOf(error: unknown): unknown {
  return error instanceof StoreUnavailableError && error.cause !== undefined ? error.cause : error
}

/** Some drivers write several lines. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

import { join } from 'node:path'
import { ConfigError, readConfig } from '../../src/config.ts'
import { developmentSecret } from '../../src/development-secret.ts'
import { projectRoot } from '../../src/paths.ts'
import { openServices } from '../../src/services.ts'
import type { SessionStore } from '../../src/session/stores/store.ts'
import type { OpenedEngine } from '../../src/session-engine.ts'

/** A command that does not fit the engine or the other options; exit 2. */
export class WrongUse extends Error {}

/** Gives a command the configured engine, and closes it afterwards. */
export type Run = (work: (opened: OpenedEngine) => Promise<void>) => Promise<void>

/** Opens what the settings name, as the application does. */
export const runWithEngine: Run = async (work) => {
  if ((process.env['NODE_ENV'] ?? 'development') === 'development') {
    process.env['SECRET_KEY'] ||= developmentSecret(join(projectRoot, 'data', 'secret-key'))
  }
  const services = await openServices(readConfig(process.env))
  try {
    await services.ready()
    await work(services)
  } finally {
    await services.close()
  }
}

/** Where the engine keeps its records. @throws WrongUse where the cookie is all there is */
export function recordsOf({ store, engine }: OpenedEngine): SessionStore {
  if (store === undefined) throw new WrongUse(`The ${engine.name} engine keeps no records that could be looked after.`)
  return store
}

/** One sentence for the person at the terminal, and the exit code that goes with it. */
export function explain(error: unknown): { message: string; exitCode: number } {
  if (error instanceof WrongUse) return { message: error.message, exitCode: 2 }
  if (error instanceof ConfigError) return { message: error.message, exitCode: 1 }
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return { message: `${error instanceof Error ? error.message : String(error)}${cause}`, exitCode: 1 }
}

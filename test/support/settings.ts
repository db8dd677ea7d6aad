import type { ExecutionContext } from 'ava'
import { type Config, readConfig } from '../../src/config.ts'
import { ConfigError } from '../../src/settings.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

/** The configuration of these settings, in production unless they say otherwise. */
export function configOf(env: Readonly<Record<string, string>>): Config {
  return readConfig({ SECRET_KEY, ...env })
}

/** Asserts that each of these settings is refused with such a sentence. */
export function refused(t: ExecutionContext, wrong: readonly (readonly [Record<string, string>, RegExp])[]): void {
  for (const [env, message] of wrong) t.throws(() => configOf(env), { instanceOf: ConfigError, message })
}

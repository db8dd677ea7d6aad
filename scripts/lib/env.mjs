import { existsSync } from 'node:fs'

/** Reads `.env` if it exists; variables that are already set win. Node's flag would warn about a missing file. */
export function loadEnv() {
  if (existsSync('.env')) process.loadEnvFile('.env')
}

/** Sets NODE_ENV for a command with a fixed mode, and prints a warning if it had another value. */
export function setMode(mode, command) {
  const previous = process.env.NODE_ENV
  if (previous && previous !== mode) console.error(`NODE_ENV=${previous} is ignored: "${command}" is always ${mode}.`)
  process.env.NODE_ENV = mode
}

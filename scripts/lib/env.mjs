import { existsSync } from 'node:fs'

/** Reads `.env` if there is one; what is set already wins. Node's own flag for it would remark on every missing file. */
export function loadEnv() {
  if (existsSync('.env')) process.loadEnvFile('.env')
}

/** Sets NODE_ENV, which one command always runs in, and says so where somebody has set another. */
export function setMode(mode, command) {
  const asked = process.env.NODE_ENV
  if (asked && asked !== mode) console.error(`NODE_ENV=${asked} is ignored: "${command}" is always ${mode}.`)
  process.env.NODE_ENV = mode
}

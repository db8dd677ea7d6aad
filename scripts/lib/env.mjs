import { existsSync } from 'node:fs'

/** Reads `.env` if there is one; what is set already wins. Node's own flag for it would remark on every missing file. */
export function loadEnv() {
  if (existsSync('.env')) process.loadEnvFile('.env')
}

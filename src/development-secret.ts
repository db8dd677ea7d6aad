import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { makePrivateFile, makePrivateFolder } from './private-files.ts'
import { ConfigError } from './settings.ts'

/**
 * The SECRET_KEY of a development machine: made once, kept in a file that only its owner can read, so that restarts
 * sign nobody out.
 *
 * @throws ConfigError when the folder is not writable
 */
export function developmentSecret(file: string): string {
  try {
    makePrivateFolder(dirname(file))
    makePrivateFile(file)
    if (existsSync(file)) return readFileSync(file, 'utf8').trim()
    const secret = randomBytes(48).toString('base64url')
    writeFileSync(file, `${secret}\n`, { mode: 0o600, flag: 'wx' })
    return secret
  } catch {
    throw new ConfigError(`The folder "${dirname(file)}" is not writable: it must hold the development SECRET_KEY.`)
  }
}

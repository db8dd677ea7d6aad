import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { projectRoot } from './paths.ts'
import { makePrivateFile, makePrivateFolder } from './private-files.ts'
import { ConfigError } from './settings.ts'

/** The file of the development secret; only its owner can read it. */
export const developmentSecretFile = join(projectRoot, 'data', 'secret-key')

/**
 * The SECRET_KEY of a development machine, generated once, so that a restart signs nobody out.
 *
 * @throws ConfigError when the folder is not writable
 */
export function developmentSecret(file = developmentSecretFile): string {
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

import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MODULE = join('src', 'session', 'core', 'turn.js')

/**
 * A copy of the compiled project in which requests of one turn of the event loop are not worked on together. Only
 * measurements need it, so the project has no setting for it.
 *
 * @throws Error if the module has changed
 */
export function copyWithoutBatching(compiled: string, copy: string): string {
  cpSync(compiled, copy, { recursive: true })
  const file = join(copy, MODULE)
  if (!readFileSync(file, 'utf8').includes('export function endOfTurn(')) {
    throw new Error(`${MODULE} does not export endOfTurn any more.`)
  }
  writeFileSync(file, 'export const endOfTurn = () => Promise.resolve()\n')
  return copy
}

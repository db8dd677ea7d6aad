import { readdirSync } from 'node:fs'
import test from 'ava'

/**
 * Whether a file of `test/faults/` runs what imports this, as `npm run test:faults` does: in full then, and as a short
 * example otherwise, which `npm test` has time for.
 */
export const storm: boolean = test.meta.file.includes('/test/faults/')

/**
 * Runs suites of another folder in full.
 *
 * @param folder from `test/`
 * @param service those that need it, as the ends of their names say; otherwise those that need none
 */
export async function runInFull(folder: string, service?: string): Promise<void> {
  for (const file of readdirSync(new URL(`../${folder}/`, import.meta.url)).sort()) {
    const [, needed] = /(?:-(redis|redis-servers|memcached|mariadb|postgresql))?\.test\.ts$/.exec(file) ?? []
    if (file.endsWith('.test.ts') && needed === service) await import(`../${folder}/${file}`)
  }
}

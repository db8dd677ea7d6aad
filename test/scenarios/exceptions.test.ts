import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../src/paths.ts'
import { readChoices } from '../../src/storage/choices.ts'
import { caches, engines } from '../../src/storage/index.ts'
import { EXCEPTIONS, type Exception } from './exceptions.ts'

for (const { engines: having, document, says } of Object.values<Exception>(EXCEPTIONS)) {
  // The document of a part goes with it.
  if (!existsSync(join(projectRoot, document))) continue
  test(`the guide to choosing an engine says: ${says}`, async (t) => {
    if (document !== 'docs/choosing-an-engine.md') {
      const text = readFileSync(join(projectRoot, document), 'utf8').replaceAll(/\s+/g, ' ')
      return void t.true(text.includes(says))
    }
    // A name has the format or the place of the session behind a comma, and the server behind "on".
    const named = new Set(having.filter(hasServer).map((engine) => engine.split(/,| on /)[0] ?? ''))
    const saying = (await readChoices()).filter(({ limits }) => limits.includes(says))
    const present = engines.map(({ name }) => name).filter((name) => named.has(name))
    t.deepEqual([...new Set(saying.map(engineOf))].sort(), present.sort())
  })
}

/** The document does not mention a cache that was removed. */
function hasServer(name: string): boolean {
  const [, server] = / on (\w+)$/.exec(name) ?? []
  return server === undefined || /^[A-Z]/.test(server) || caches.some((cache) => cache.name === server)
}

function engineOf({ settings }: { readonly settings: string }): string {
  return /^SESSION_ENGINE=(\w+)/.exec(settings)?.[1] ?? ''
}

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The session engine under test: the one in `src/`, or a copy of it with one guard removed. */
export type Implementation = Awaited<ReturnType<typeof loadEngine>>

const SOURCE = new URL('../../../src/session/', import.meta.url)

/** A replacement in the source text of one file. */
export interface Patch {
  /** Below `src/session/`. */
  readonly file: string
  /** Must be there exactly once. */
  readonly from: string
  readonly to: string
}

/** @param root the folder that holds `session.ts` and the rest, with a slash at its end */
export async function loadEngine(root: URL = SOURCE) {
  const load = (path: string): Promise<unknown> => import(new URL(path, root).href)
  const { StoredEngine } = (await load('engines/stored.ts')) as typeof import('../../../src/session/engines/stored.ts')
  const { OpenedSession } = (await load(
    'http/opened-session.ts',
  )) as typeof import('../../../src/session/http/opened-session.ts')
  const { openCookies } = (await load(
    'http/open-cookies.ts',
  )) as typeof import('../../../src/session/http/open-cookies.ts')
  const { signIn } = (await load('sign-in.ts')) as typeof import('../../../src/session/sign-in.ts')
  const { defineSlice } = (await load('slice.ts')) as typeof import('../../../src/session/slice.ts')
  const errors = (await load('core/errors.ts')) as typeof import('../../../src/session/core/errors.ts')
  const list = {
    '~standard': {
      validate: (value: unknown) =>
        Array.isArray(value) ? { value: value.map(String) } : { issues: [{ message: 'must be a list' }] },
    },
  }
  const slices = {
    kept: defineSlice<string[]>({ name: 'kept', schema: list, default: () => [], login: 'keep' }),
    gone: defineSlice<string[]>({ name: 'gone', schema: list, default: () => [], login: 'drop' }),
  }
  return { StoredEngine, signIn, slices, errors, openCookies, OpenedSession }
}

/** The engine with patched sources, compiled as it is loaded, and what removes the copy. */
export async function loadPatched(patches: readonly Patch[]): Promise<Implementation & { remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'))
  await cp(SOURCE, folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  for (const { file, from, to } of patches) {
    const path = join(folder, file)
    const parts = (await readFile(path, 'utf8')).split(from)
    if (parts.length !== 2) throw new Error(`"${from}" is ${parts.length - 1} times in ${file}: adapt the patch`)
    await writeFile(path, parts.join(to))
  }
  const engine = await loadEngine(pathToFileURL(`${folder}/`))
  return { ...engine, remove: () => rm(folder, { recursive: true, force: true }) }
}

import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { FileRecords } from '../../../src/session/stores/file/file-records.ts'
import type { Bench } from './bench.ts'

/** A folder that goes away with the test. */
export async function testFolder(t: ExecutionContext): Promise<string> {
  const folder = await newFolder()
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A bench on a new folder, as the store contract needs it. */
export async function fileBench(open: (folder: string) => FileRecords): Promise<Bench> {
  const parent = await newFolder()
  const folder = join(parent, 'sessions')
  const another = async () => {
    const store = open(folder)
    await store.prepare()
    return store
  }
  return {
    store: await another(),
    another,
    breakIt: () => rename(folder, `${folder}.away`),
    close: () => rm(parent, { recursive: true, force: true }),
  }
}

/** The paths of all plain files under a folder, relative to it, but for those that the store works with. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.holdfast'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'holdfast-files-'))
}

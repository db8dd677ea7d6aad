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

/** Numbers below 1 that are the same in every run. */
export function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** A copy with a bit, a piece or more of it changed. */
export function damaged(original: Buffer, random: () => number): Buffer {
  const at = Math.floor(random() * original.length)
  const noise = Buffer.from(Array.from({ length: 1 + Math.floor(random() * 40) }, () => Math.floor(random() * 256)))
  const flipped = Buffer.from(original)
  flipped.writeUInt8((original[at] ?? 0) ^ (1 << Math.floor(random() * 8)), at)
  const variants = [
    flipped,
    original.subarray(0, at),
    original.subarray(at),
    noise,
    Buffer.concat([original.subarray(0, at), noise, original.subarray(at)]),
    Buffer.concat([original, noise]),
    Buffer.concat([original.subarray(0, at), Buffer.alloc(original.length - at)]),
  ]
  return variants[Math.floor(random() * variants.length)] ?? noise
}

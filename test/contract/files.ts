import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Codec } from '../../src/session/codec/codec.ts'
import type { FileRecords } from '../../src/session/stores/file/file-records.ts'
import type { Exceptions } from './bench.ts'
import { engineContract } from './contract.ts'
import { storedOn } from './stored.ts'

/** The contract on files in this layout. */
export function fileContract(
  layout: string,
  exceptions: Exceptions,
  codecOn: (now: () => number) => Codec,
  open: (folder: string, now: () => number) => FileRecords,
): void {
  engineContract(`file, ${layout}`, exceptions, async (now) => {
    const parent = await mkdtemp(join(tmpdir(), 'holdfast-contract-'))
    const folder = join(parent, 'sessions')
    const theOnly = async () => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true })
      const [file] = entries.filter((entry) => entry.isFile())
      return join(file?.parentPath ?? '', file?.name ?? '')
    }
    return storedOn({
      codec: codecOn(now),
      async store() {
        const store = open(folder, now)
        await store.prepare()
        return store
      },
      record: {
        read: async () => await readFile(await theOnly()),
        write: async (bytes) => await writeFile(await theOnly(), bytes),
      },
      outage: {
        begin: async () => await rename(folder, `${folder}-away`),
        end: async () => await rename(`${folder}-away`, folder),
      },
      close: async () => await rm(parent, { recursive: true, force: true }),
    })
  })
}

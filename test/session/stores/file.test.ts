import { FileStore } from '../../../src/session/stores/file/file.ts'
import { EVERYTHING } from './bench.ts'
import { storeContract } from './contract.ts'
import { fileBench } from './file-bench.ts'

for (const layout of ['flat', 'hashed', 'dated'] as const) {
  storeContract(`file, ${layout}`, { ...EVERYTHING, knowsUsers: false }, (now) =>
    fileBench((folder) => new FileStore({ folder, layout, now })),
  )
}

import { FileStore } from '../../src/session/stores/file/file.ts'
import { fileContract } from './files.ts'
import { sealed } from './sealed.ts'

for (const layout of ['flat', 'hashed', 'dated'] as const) {
  fileContract(
    layout,
    {},
    () => sealed,
    (folder, now) => new FileStore({ folder, layout, now }),
  )
}

import { FileStore } from '../../src/session/stores/file/file.ts'
import { fileContract } from './files.ts'
import { sealed } from './sealed.ts'

// An engine does not see the layout of the folder: all of them are under the contract of stores.
fileContract(
  'hashed',
  {},
  () => sealed,
  (folder, now) => new FileStore({ folder, layout: 'hashed', now }),
)

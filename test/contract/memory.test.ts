import { MemoryStore } from '../../src/session/stores/memory.ts'
import { engineContract } from './contract.ts'
import { sealed } from './sealed.ts'
import { storedOn } from './stored.ts'

engineContract('memory', {}, async (now) => {
  const store = new MemoryStore({ now })
  return storedOn({ codec: sealed, store: () => store })
})

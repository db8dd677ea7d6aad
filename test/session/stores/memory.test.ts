import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { storeContract } from './contract.ts'

storeContract('memory', { keepsMetadata: true, canTellOrphans: false }, async (now) => {
  const store = new MemoryStore({ now })
  return {
    store,
    another: async () => store,
    breakIt: () => store.close(),
    close: () => store.close(),
  }
})

import { MemoryStore } from '../../src/session/stores/memory.ts'
import { httpLaws } from './laws.ts'
import { sealed } from './sealed.ts'
import { storedOn } from './stored.ts'

httpLaws('memory', {}, async (now) => {
  const store = new MemoryStore({ now })
  return storedOn({ codec: sealed, store: () => store })
})

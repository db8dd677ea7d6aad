import { MemoryCache } from '../../session/caches/memory.ts'
import { defineCache } from '../part.ts'

/** The memory of this process. */
export default defineCache({
  name: 'memory',
  help: 'memory: (this process alone)',
  settings: [],
  address: /^memory:$/,
  place: 'in memory',
  defaultAddress: 'memory:',
  inProcess: true,
  choices: () => import('./memory.choices.ts'),
  open() {
    const cache = new MemoryCache()
    return { cache, connect: () => cache.ping() }
  },
})

import type { Choice } from '../choice.ts'
import { EVICTED_FORWARD } from '../limits.ts'

const choices: readonly Choice[] = [
  {
    name: 'cache in memory',
    measured: [{ candidate: 'cache-memory', name: 'cache in memory' }],
    needs: [],
    machines: 'one process',
    durable: false,
    bothGuarantees: true,
    lists: 'yes',
    keptIn: 'Memory of the process',
    complexity: 'Low',
    memory: 'All sessions, 64 MiB at most',
    setup: 'Nothing',
    upkeep: 'None',
    statistics: 'With CACHE_FALLBACK=db',
    clearing: 'Expires by itself',
    warming: 'With CACHE_FALLBACK=db',
    down: 'There is no server.',
    restarted: 'Everyone is signed out whenever the application restarts; with CACHE_FALLBACK=db, nobody is.',
    emptied: 'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.',
    bestFor: 'Tests, demos, and a single process whose sessions may be lost.',
    avoidWhen: 'There is more than one process, or a deployment must not sign anybody out.',
    limits: [
      'A restart ends every session, and above 64 MiB the least recently used sessions end, those of anonymous visitors first.',
      EVICTED_FORWARD,
    ],
    settings: 'SESSION_ENGINE=cache\nCACHE_URL=memory:',
  },
]

export default choices

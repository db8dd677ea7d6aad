import type { Choice } from '../choice.ts'
import { EVICTED_FORWARD } from '../exceptions.ts'

const choices: readonly Choice[] = [
  {
    name: 'cache in memory',
    measured: [{ candidate: 'cache-memory', name: 'cache in memory' }],
    needs: [],
    machines: 'one process',
    durable: false,
    bothPromises: true,
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
    bestFor: 'Tests, demonstrations, and a single process whose sessions are worth little.',
    avoidWhen: 'There is a second process, or a deployment must not sign anybody out.',
    exceptions: [
      'A restart ends every session, and beyond 64 MiB the one that was longest without use ends.',
      EVICTED_FORWARD,
    ],
    settings: 'SESSION_ENGINE=cache\nCACHE_URL=memory:',
  },
]

export default choices

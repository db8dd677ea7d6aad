import type { Verdict } from '../kit/history.ts'

/** What a cell may show although the gate is zero: a limit of engines, in the words of docs/choosing-an-engine.md. */
export interface Limit {
  readonly setUps: readonly string[]
  readonly faults: readonly string[]
  readonly kinds: readonly (keyof Verdict | 'unhandled' | 'recovery' | 'slow' | 'complaint')[]
  readonly says: string
}

export const LIMITS: readonly Limit[] = [
  {
    setUps: ['cache in memory'],
    faults: ['F1'],
    kinds: ['lost'],
    says: 'A restart ends every session, and above 64 MiB the least recently used sessions end, those of anonymous visitors first.',
  },
  {
    setUps: ['cache on Memcached'],
    faults: ['F3'],
    kinds: ['lost'],
    says: 'A full server silently evicts the least recently used sessions, and a restarted one loses all. Those sessions end.',
  },
  {
    setUps: ['cache on Redis'],
    faults: ['F24'],
    kinds: ['lost', 'resurrected'],
    says: 'A failover by Sentinel or Cluster may lose the last writes, the end of a session among them.',
  },
  {
    setUps: [
      'db on SQLite',
      'db on PostgreSQL',
      'cache on Redis',
      'cache on Redis, fallback',
      'cached_db, write_through',
      'cached_db, cache_aside',
      'cached_db, write_behind',
    ],
    faults: ['F16'],
    kinds: ['resurrected', 'lost'],
    says: 'A session that expired only because a clock ran ahead is valid again once the clock is right, unless it was cleared.',
  },
  {
    setUps: ['cached_db, write_behind'],
    faults: ['F10'],
    kinds: ['lost'],
    says: 'A change reaches the database after about 100 milliseconds, later if the database is down, and is lost if Redis loses it before',
  },
  {
    setUps: ['signed_cookies', 'hybrid'],
    faults: ['F20'],
    kinds: ['lost'],
    says: 'Of two overlapping changes, the one whose response arrives last wins.',
  },
]

/** Why this kind of breach is allowed in a cell; undefined if it is not. */
export function allowed(setUp: string, fault: string, kind: Limit['kinds'][number]): string | undefined {
  const fits = (entry: Limit) =>
    entry.setUps.includes(setUp) && entry.faults.includes(fault) && entry.kinds.includes(kind)
  return LIMITS.find(fits)?.says
}

import type { Knex } from 'knex'

/** How the connections of a database are used. */
export interface PoolUse {
  readonly used: number
  readonly free: number
  /** Requests that wait for a connection. */
  readonly pending: number
}

interface Pool {
  numUsed(): number
  numFree(): number
  numPendingAcquires(): number
}

/** What Knex's pool says of itself; nothing in use once the database is closed. */
export function poolUse(knex: Knex): PoolUse {
  // Knex documents the pool's figures, but types its client as anything at all.
  const client: { readonly pool?: unknown } = knex.client
  const { pool } = client
  if (!isPool(pool)) return { used: 0, free: 0, pending: 0 }
  return { used: pool.numUsed(), free: pool.numFree(), pending: pool.numPendingAcquires() }
}

function isPool(pool: unknown): pool is Pool {
  return typeof pool === 'object' && pool !== null && 'numUsed' in pool && 'numPendingAcquires' in pool
}

import type { Knex } from 'knex'

/** The connections of a database pool. */
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

/** The figures of Knex's pool; zeros after the database was closed. */
export function poolUse(knex: Knex): PoolUse {
  // Knex documents these figures, but types its client as any.
  const client: { readonly pool?: unknown } = knex.client
  const { pool } = client
  if (!isPool(pool)) return { used: 0, free: 0, pending: 0 }
  return { used: pool.numUsed(), free: pool.numFree(), pending: pool.numPendingAcquires() }
}

function isPool(pool: unknown): pool is Pool {
  return typeof pool === 'object' && pool !== null && 'numUsed' in pool && 'numPendingAcquires' in pool
}

/** One way to store sessions, as described in docs/choosing-an-engine.md. */
export interface Choice {
  /** Its heading there. */
  readonly name: string
  /** Its candidates in the benchmark, the usual one first; empty if it was not measured. */
  readonly measured: readonly { readonly candidate: string; readonly name: string }[]
  /** Servers that it needs. */
  readonly needs: readonly ('database' | 'cache')[]
  readonly machines: 'one process' | 'one machine' | 'many machines'
  /** Whether a save is on a disk or on two servers before the response is sent. */
  readonly durable: boolean
  /** Whether both guarantees hold without the limits of sessions in cookies. */
  readonly bothGuarantees: boolean
  /** Whether a user can see each session and end it. */
  readonly lists: 'yes' | 'large sessions' | 'with CACHE_FALLBACK=db' | 'no'
  /** A few words each. */
  readonly keptIn: string
  readonly complexity: 'Low' | 'Medium' | 'High'
  readonly memory: string
  readonly setup: string
  readonly upkeep: string
  readonly statistics: string
  readonly clearing: string
  readonly warming: string
  /** What visitors notice when a server that it needs, or the disk, is down, restarted or emptied. */
  readonly down: string
  readonly restarted: string
  readonly emptied: string
  readonly bestFor: string
  readonly avoidWhen: string
  /** Limits of the two guarantees, and others. */
  readonly limits: readonly string[]
  /** As in `.env`. */
  readonly settings: string
}

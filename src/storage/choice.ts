/** One way to keep sessions, as docs/choosing-an-engine.md tells of it. */
export interface Choice {
  /** Its heading there. */
  readonly name: string
  /** The names by which the benchmark measured it, the usual one first; empty where it was not measured. */
  readonly measured: readonly { readonly candidate: string; readonly name: string }[]
  /** Servers that it needs. */
  readonly needs: readonly ('database' | 'cache')[]
  readonly machines: 'one process' | 'one machine' | 'many machines'
  /** Whether a save has reached a disk or two servers before it is answered. */
  readonly durable: boolean
  /** Whether both promises hold without an exception for sessions in cookies. */
  readonly bothPromises: boolean
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
  /** What visitors notice when a server that it needs, or the disk, is so. */
  readonly down: string
  readonly restarted: string
  readonly emptied: string
  readonly bestFor: string
  readonly avoidWhen: string
  /** Where the two promises end, and what else it does not promise. */
  readonly exceptions: readonly string[]
  /** As in `.env`. */
  readonly settings: string
}

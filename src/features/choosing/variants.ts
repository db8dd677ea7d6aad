import type { Config, SessionHome } from '../../config.ts'
import { cookieVariants } from './variants-cookies.ts'
import { storedVariants } from './variants-stored.ts'

/** One way to keep sessions: an engine, and what it stands on. All texts are English, and translated where they are shown. */
export interface Variant {
  readonly id: string
  readonly engine: SessionHome['engine']
  readonly name: string
  /** What the benchmark calls it, with a name for each where there are several; empty where it is not measured. */
  readonly measured: readonly { readonly candidate: string; readonly name: string }[]
  readonly glance: Glance
  /** What happens when a server it needs, or the disk, is so. */
  readonly faults: { readonly out: string; readonly restarted: string; readonly emptied: string }
  readonly abilities: {
    readonly devices: string
    readonly stats: string
    readonly clear: string
    readonly warming: string
  }
  readonly bestFor: string
  readonly avoidWhen: string
  /** Where the two promises end; empty where they do not. */
  readonly exceptions: readonly string[]
  /** As in `.env`. */
  readonly settings: string
}

/** A few words on each. */
export interface Glance {
  readonly persistence: string
  readonly scale: string
  readonly complexity: string
  readonly memory: string
  readonly setup: string
  readonly upkeep: string
}

/** Every engine on everything it can stand on, in the order in which they are shown. */
export const VARIANTS: readonly Variant[] = [...storedVariants, ...cookieVariants]

/** The one that these settings choose. */
export function variantOf({ session, cache }: Pick<Config, 'session' | 'cache'>): string {
  if (session.engine === 'db') return session.databaseUrl.startsWith('sqlite:') ? 'db-sqlite' : 'db-server'
  if (session.engine !== 'cache') return session.engine
  if (cache.url.startsWith('redis')) return 'cache-redis'
  return cache.url.startsWith('memcached:') ? 'cache-memcached' : 'cache-memory'
}

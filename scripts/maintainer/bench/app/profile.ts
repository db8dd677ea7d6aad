import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const profile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string() }),
      children: z.array(z.number()).default([]),
    }),
  ),
  samples: z.array(z.number()),
  /** Microseconds between the samples. */
  timeDeltas: z.array(z.number()),
})

/** A CPU profile as Node writes it. */
export type Profile = z.infer<typeof profile>

/** What takes the time of a page; a function of Node or of a package counts for whoever calls it. */
export const KINDS_OF_WORK = [
  'rendering',
  'sessions',
  'drivers',
  'application',
  'Koa and packages',
  'Node',
  'garbage collection',
] as const

type KindOfWork = (typeof KINDS_OF_WORK)[number]

const BY_URL: readonly (readonly [KindOfWork, RegExp])[] = [
  ['rendering', /node_modules\/(nunjucks|i18next|asap|a-sync-waterfall)\/|\/src\/web\/(render|i18n|filters)\.js/],
  ['drivers', /node_modules\/(knex|tarn|sqlite3|pg|pg-.*|mysql2|redis|@redis)\/|\/src\/database/],
  ['sessions', /\/src\/(session|storage)\//],
  ['application', /\/src\//],
  ['Koa and packages', /node_modules\//],
  ['Node', /^node:/],
]
// What these are called by is more telling than what they are.
const OF_THEIR_CALLER: ReadonlySet<KindOfWork> = new Set(['Koa and packages', 'Node'])

/**
 * The share of each kind of work in the time that was not idle.
 *
 * @param seconds at the end of the profile that count: before them the application starts
 */
export function sharesOf({ nodes, samples, timeDeltas }: Profile, seconds: number): Record<KindOfWork, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const kinds = new Map<number, KindOfWork | 'idle'>()
  const walk = (id: number, caller: KindOfWork) => {
    const node = byId.get(id)
    if (node === undefined) return
    const kind = kindOf(node.callFrame, caller)
    kinds.set(id, kind)
    for (const child of node.children) walk(child, kind === 'idle' ? caller : kind)
  }
  const root = nodes[0]
  if (root !== undefined) walk(root.id, 'Node')
  const times = new Map<KindOfWork, number>()
  let left = timeDeltas.reduce((sum, delta) => sum + delta, 0)
  for (const [index, id] of samples.entries()) {
    left -= timeDeltas[index] ?? 0
    const kind = kinds.get(id)
    if (kind === undefined || kind === 'idle' || left > seconds * 1_000_000) continue
    times.set(kind, (times.get(kind) ?? 0) + (timeDeltas[index] ?? 0))
  }
  const all = [...times.values()].reduce((sum, time) => sum + time, 0)
  return Object.fromEntries(KINDS_OF_WORK.map((kind) => [kind, (times.get(kind) ?? 0) / Math.max(1, all)])) as Record<
    KindOfWork,
    number
  >
}

function kindOf({ functionName, url }: Profile['nodes'][number]['callFrame'], caller: KindOfWork): KindOfWork | 'idle' {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(idle)' || functionName === '(program)') return 'idle'
  const own = BY_URL.find(([, pattern]) => pattern.test(url))?.[0]
  if (own === undefined || caller === 'rendering') return caller
  return OF_THEIR_CALLER.has(own) && caller !== 'Node' && caller !== 'Koa and packages' ? caller : own
}

/** The one profile in this folder. @throws Error if there is none, or it has another shape */
export function readProfile(folder: string): Profile {
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error('The application has written no profile.')
  return profile.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')))
}

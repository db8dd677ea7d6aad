import { Command } from 'commander'
import { hasStatistics, type StoreStatistics } from '../../src/session/stores/store.ts'
import type { OpenedEngine } from '../../src/session-engine.ts'
import { type Run, recordsOf, WrongUse } from './run.ts'

/** `sessions stats`: how many there are, whose, how old and how large. */
export function statsCommand(run: Run): Command {
  return new Command('stats')
    .description('Count the sessions: live, expired, signed in, by age, and the ten largest.')
    .option('--json', 'print the figures as JSON')
    .action(async ({ json }: { json?: true }) => {
      await run(async (opened) => {
        const { movingFrom } = opened
        const moving = movingFrom === undefined ? {} : { movingFrom: await leftIn(movingFrom) }
        const store = recordsOf(opened)
        if (!hasStatistics(store)) throw new WrongUse(`The ${store.name} engine cannot be counted.`)
        const statistics = await store.statistics()
        if (json) console.log(JSON.stringify({ engine: store.name, ...statistics, ...moving }))
        else console.log([table(store.name, statistics), ...Object.values(moving).map(moveLine)].join('\n'))
      })
    })
}

interface Left {
  readonly engine: string
  /** Live sessions that have not moved yet; null where they cannot be counted. */
  readonly left: number | null
}

async function leftIn({ engine, store }: OpenedEngine): Promise<Left> {
  const countable = store !== undefined && hasStatistics(store)
  return { engine: engine.name, left: countable ? (await store.statistics()).live : null }
}

function moveLine({ engine, left }: Left): string {
  if (left === null) return `Moving from ${engine}, where sessions cannot be counted`
  return left === 0 ? `Nothing is left in ${engine}: SESSION_MOVING_FROM can go` : `${left} left to move from ${engine}`
}

function table(engine: string, { total, live, expired, authenticated, ages, largest }: StoreStatistics): string {
  const figures: [string, number][] = [
    ['total', total],
    ['live', live],
    ['expired', expired],
    ['signed in', authenticated],
    ['under 1 day old', ages.underDay],
    ['under 1 week old', ages.underWeek],
    ['over 1 week old', ages.overWeek],
  ]
  const lines = figures.map(([name, value]) => `  ${name.padEnd(18)}${String(value).padStart(10)}`)
  // No keys here: even a hashed one is nobody's business on a terminal.
  const large = largest.map(
    ({ bytes, userId, createdAt }) =>
      `  ${String(bytes).padStart(8)} bytes  ${userId === null ? 'anonymous' : `user ${userId}`}, ${begun(createdAt)}`,
  )
  return [`Sessions (${engine})`, ...lines, ...(large.length > 0 ? ['Largest', ...large] : [])].join('\n')
}

function begun(createdAt: number): string {
  return createdAt > 0 ? `since ${new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ')} UTC` : 'age unknown'
}

import { Command } from 'commander'
import { hasStatistics, type StoreStatistics } from '../../src/session/stores/store.ts'
import { type RunWithStore, WrongUse } from './run.ts'

/** `sessions stats`: how many there are, whose, how old and how large. */
export function statsCommand(run: RunWithStore): Command {
  return new Command('stats')
    .description('Count the sessions: live, expired, signed in, by age, and the ten largest.')
    .option('--json', 'print the figures as JSON')
    .action(async ({ json }: { json?: true }) => {
      await run(async (store) => {
        if (!hasStatistics(store)) throw new WrongUse(`The ${store.name} engine cannot be counted.`)
        const statistics = await store.statistics()
        console.log(json ? JSON.stringify({ engine: store.name, ...statistics }) : table(store.name, statistics))
      })
    })
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

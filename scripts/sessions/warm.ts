import { Command } from 'commander'
import { duration, wholeNumber } from './numbers.ts'
import { type Run, requireCache, WrongUse } from './run.ts'

interface Options {
  since: number
  authenticated?: boolean
  limit: number
  json?: true
}

const DAY = 86_400_000

/** `sessions warm`: fills the cache in front of the database before the visitors come. */
export function warmCommand(run: Run): Command {
  return new Command('warm')
    .description('Copy the sessions that were active lately from the database into the cache, the latest first.')
    .option('--since <age>', 'active within this time (24h, 30m, 2d); 24h by default', duration, DAY)
    .option('--authenticated', 'only sessions of signed-in users')
    .option('--limit <n>', 'most sessions', wholeNumber(1, 1_000_000), 10_000)
    .option('--json', 'print the outcome as JSON')
    .action(async ({ since, authenticated = false, limit, json }: Options) => {
      await run(async (services) => {
        const { engine, cache } = services
        if (services.warm === undefined) {
          throw new WrongUse(`The ${engine.name} engine has no cache in front of a database that could be warmed.`)
        }
        if (services.cacheIsOwn) {
          throw new WrongUse(
            `CACHE_URL is ${cache?.name}: each process has its own, and warms it at its start if SESSION_CACHE_WARMING says so.`,
          )
        }
        await requireCache(services, 'Nothing was copied; the database serves until it is back.')
        const copies = await services.warm({ activeSince: Date.now() - since, authenticated }, limit)
        const name = cache?.name
        if (json) console.log(JSON.stringify({ cache: name, copies }))
        else
          console.log(`${copies} ${copies === 1 ? 'session' : 'sessions'} copied to ${name}; others were there already`)
      })
    })
}

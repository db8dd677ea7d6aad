import { Command, Option } from 'commander'
import { duration, wholeNumber } from './numbers.ts'
import { type Run, requireCache, UsageError } from './run.ts'

interface Options {
  since: number
  authenticated?: boolean
  maxBytes?: number
  limit: number
  json?: true
}

const DAY_MS = 86_400_000

/** `sessions warm`: copies recent sessions from the database into the cache. */
export function warmCommand(run: Run): Command {
  return new Command('warm')
    .description('Copy recently active sessions from the database into the cache, the latest first.')
    .addOption(
      new Option('--since <age>', 'active within this time (24h, 30m, 2d)').argParser(duration).default(DAY_MS, '24h'),
    )
    .option('--authenticated', 'only sessions of signed-in users')
    .option('--max-bytes <n>', 'only sessions whose stored text is not larger', wholeNumber(1, 2 ** 30))
    .option('--limit <n>', 'max number of sessions', wholeNumber(1, 1_000_000), 10_000)
    .option('--json', 'print the result as JSON')
    .action(async ({ since, authenticated = false, maxBytes, limit, json }: Options) => {
      await run(async (services) => {
        const { engine, cache } = services
        if (services.warm === undefined) {
          throw new UsageError(`The ${engine.name} engine has no cache in front of a database.`)
        }
        if (services.cacheInProcess) {
          throw new UsageError(
            `CACHE_URL is ${cache?.name}: each process has a separate cache; SESSION_CACHE_WARMING warms it at the start.`,
          )
        }
        await requireCache(services, 'Nothing was copied; sessions are read from the database.')
        const copies = await services.warm({ activeSince: Date.now() - since, authenticated, maxBytes }, limit)
        const name = cache?.name
        if (json) console.log(JSON.stringify({ cache: name, copies }))
        else
          console.log(
            `${copies} ${copies === 1 ? 'session' : 'sessions'} copied to ${name}; all others were already there`,
          )
      })
    })
}

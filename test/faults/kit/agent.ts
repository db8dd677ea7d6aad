import { createInterface } from 'node:readline'
import { z } from 'zod'

/**
 * Imported into an application process under test, before anything else. It sets the clock ahead, and has the n-th
 * statement of the database fail, as the lines on standard input say; each is confirmed.
 */
const order = z.intersection(
  z.object({ number: z.int() }),
  z.union([z.object({ clock: z.number() }), z.object({ statement: z.int().min(0), effect: z.enum(['none', 'done']) })]),
)

const realNow = Date.now
let ahead = 0
// Also what `new Date()` says.
const RealDate = Date
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [Date.now()] : args, newTarget),
})
Date.now = () => realNow() + ahead

type Done = (error: Error | null, ...more: unknown[]) => void

let left = 0
let effect: 'none' | 'done' = 'none'

/** Sends a statement, unless it is the one that fails; with the effect `done` only its answer is lost. */
function passing(send: (args: unknown[]) => unknown, args: unknown[], fail: () => Error): unknown {
  const done = args.at(-1)
  if (left === 0 || --left > 0 || typeof done !== 'function') return send(args)
  const callback = done as Done
  if (effect === 'none') {
    setImmediate(callback, fail())
    return undefined
  }
  return send([...args.slice(0, -1), () => callback(fail())])
}

async function tapSqlite(): Promise<void> {
  const { default: sqlite3 } = await import('sqlite3')
  const prototype = sqlite3.Statement.prototype as unknown as Record<string, (...args: unknown[]) => unknown>
  for (const name of ['all', 'run', 'get']) {
    const original = prototype[name]
    if (original === undefined) continue
    prototype[name] = function (this: unknown, ...args: unknown[]) {
      const fail = () => Object.assign(new Error('SQLITE_IOERR: disk I/O error'), { code: 'SQLITE_IOERR', errno: 10 })
      return passing((given) => original.apply(this, given), args, fail) ?? this
    }
  }
}

async function tapPostgres(): Promise<void> {
  const { default: pg } = await import('pg')
  const prototype = pg.Client.prototype as unknown as { query(...args: unknown[]): unknown; end(): unknown }
  const original = prototype.query
  prototype.query = function (this: typeof prototype, ...args: unknown[]) {
    const fail = () => {
      void this.end()
      return Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' })
    }
    return passing((given) => original.apply(this, given), args, fail)
  }
}

const taps: readonly (() => Promise<void>)[] = [tapSqlite, tapPostgres]
// A project without one of these databases has no package for it.
await Promise.all(taps.map((tap) => tap().catch(() => {})))

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const wanted = order.parse(JSON.parse(line))
  if ('clock' in wanted) ahead = wanted.clock
  else {
    left = wanted.statement
    effect = wanted.effect
  }
  console.log(`agent did ${wanted.number}`)
})

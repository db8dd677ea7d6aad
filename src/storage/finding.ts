/** The result of one check. */
export interface Finding {
  readonly item: string
  readonly state: 'ok' | 'warn' | 'fail'
  /** One sentence. */
  readonly message: string
  /** The command or setting that fixes it; absent if nothing is wrong. */
  readonly fix?: string
}

export function ok(item: string, message: string): Finding {
  return { item, state: 'ok', message }
}

export function warn(item: string, message: string, fix: string): Finding {
  return { item, state: 'warn', message, fix }
}

export function fail(item: string, message: string, fix: string): Finding {
  return { item, state: 'fail', message, fix }
}

// Sessions end by the clock of whoever looks: two that differ by more do not agree on what is alive.
const CLOCKS_WARN = 1000
const CLOCKS_WRONG = 5000

/**
 * Compares this machine's clock with a server's.
 *
 * @param ask answers the server's time in milliseconds since 1970
 */
export async function clockFinding(item: string, where: string, ask: () => Promise<number>): Promise<Finding> {
  const before = Date.now()
  const theirs = await ask()
  const after = Date.now()
  // Their answer is from some moment in between.
  const ahead = theirs > after ? theirs - after : Math.min(theirs - before, 0)
  const apart = Math.abs(ahead)
  if (!Number.isFinite(apart))
    return warn(item, `${where} does not tell its time.`, 'Compare the clocks by hand: date -u')
  const message = `The clocks of this machine and ${where} are ${(apart / 1000).toFixed(1)} s apart`
  const fix = `timedatectl set-ntp true, on the machine whose clock is wrong (${ahead > 0 ? 'this one is behind' : 'this one is ahead'})`
  if (apart > CLOCKS_WRONG) return fail(item, `${message}: sessions end too early or too late.`, fix)
  return apart > CLOCKS_WARN
    ? warn(item, `${message}.`, fix)
    : ok(item, `The clocks of this machine and ${where} agree.`)
}

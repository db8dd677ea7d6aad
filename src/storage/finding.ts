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

// Sessions expire by the clock of the machine that serves a request, so machines with different clocks disagree.
const CLOCK_WARN_MS = 1000
const CLOCK_FAIL_MS = 5000

/**
 * Compares this machine's clock with a server's.
 *
 * @param ask returns the time of the server in milliseconds since 1970
 */
export async function clockFinding(item: string, where: string, ask: () => Promise<number>): Promise<Finding> {
  const before = Date.now()
  const serverTime = await ask()
  const after = Date.now()
  // The server read its clock at some time in between.
  const ahead = serverTime > after ? serverTime - after : Math.min(serverTime - before, 0)
  const difference = Math.abs(ahead)
  if (!Number.isFinite(difference))
    return warn(item, `${where} does not report its time.`, 'Compare the clocks yourself: date -u')
  const message = `The clocks of this machine and ${where} are ${(difference / 1000).toFixed(1)} s apart`
  const fix = `timedatectl set-ntp true, on the machine whose clock is wrong (${ahead > 0 ? 'this one is behind' : 'this one is ahead'})`
  if (difference > CLOCK_FAIL_MS) return fail(item, `${message}: sessions end too early or too late.`, fix)
  return difference > CLOCK_WARN_MS
    ? warn(item, `${message}.`, fix)
    : ok(item, `The clocks of this machine and ${where} agree.`)
}

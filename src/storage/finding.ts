/** What one look found. */
export interface Finding {
  readonly item: string
  readonly state: 'ok' | 'warn' | 'wrong'
  /** One sentence. */
  readonly says: string
  /** The command or setting that mends it; absent where nothing is to be done. */
  readonly mend?: string
}

export function ok(item: string, says: string): Finding {
  return { item, state: 'ok', says }
}

export function warn(item: string, says: string, mend: string): Finding {
  return { item, state: 'warn', says, mend }
}

export function wrong(item: string, says: string, mend: string): Finding {
  return { item, state: 'wrong', says, mend }
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
  const says = `The clocks of this machine and ${where} are ${(apart / 1000).toFixed(1)} s apart`
  const mend = `timedatectl set-ntp true, on the machine whose clock is wrong (${ahead > 0 ? 'this one is behind' : 'this one is ahead'})`
  if (apart > CLOCKS_WRONG) return wrong(item, `${says}: sessions end too early or too late.`, mend)
  return apart > CLOCKS_WARN ? warn(item, `${says}.`, mend) : ok(item, `The clocks of this machine and ${where} agree.`)
}

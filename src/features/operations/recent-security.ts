import type { LoggedSecurity } from '../../web/security-log.ts'

/** An event, and how often it happened in a row; `at` is the last time. */
export interface RecentSecurity extends LoggedSecurity {
  readonly count: number
}

const KEPT = 30

/** The latest security events of this process, so that a flood of one kind is one line. */
export class RecentSecurityEvents {
  readonly #events: RecentSecurity[] = []

  add(event: LoggedSecurity): void {
    const last = this.#events[0]
    if (last !== undefined && isSame(last, event)) this.#events[0] = { ...event, count: last.count + 1 }
    else this.#events.unshift({ ...event, count: 1 })
    if (this.#events.length > KEPT) this.#events.pop()
  }

  /** The newest first. */
  get latest(): readonly RecentSecurity[] {
    return this.#events
  }
}

function isSame(one: LoggedSecurity, other: LoggedSecurity): boolean {
  return (
    one.event === other.event && one.userId === other.userId && one.address === other.address && one.by === other.by
  )
}

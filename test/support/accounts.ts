import type { Account, AccountChange, AccountStore } from '../../src/session/account.ts'
import { emptyData, plainJson, type SessionData } from '../../src/session/core/data.ts'

/** Accounts in memory; those that a test has opened exist. */
export class TestAccounts implements AccountStore {
  readonly rows = new Map<string, Account>()
  /** What happens before the next save, such as another session's. */
  beforeSave: (() => Promise<void> | void) | undefined

  open(userId: string, data: Record<string, unknown> = {}): void {
    this.rows.set(userId, { version: 0, data: Object.assign(emptyData(), data) as SessionData })
  }

  data(userId: string): SessionData {
    return this.rows.get(userId)?.data ?? emptyData()
  }

  async load(userId: string, session?: SessionData) {
    const row = this.rows.get(userId)
    if (row === undefined) return 'gone'
    if (session?.['elsewhere'] !== undefined) return 'other-application'
    const proof = session?.['proof']
    if (proof === 'old' || proof === 'older') return proof === 'old' ? 'changing' : 'unproven'
    return { version: row.version, data: plainJson(row.data) as SessionData }
  }

  async save({ userId, version, data }: AccountChange): Promise<boolean> {
    const before = this.beforeSave
    this.beforeSave = undefined
    await before?.()
    if (this.rows.get(userId)?.version !== version) return false
    this.rows.set(userId, { version: version + 1, data: plainJson(data) as SessionData })
    return true
  }
}

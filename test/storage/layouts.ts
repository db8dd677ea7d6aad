import type { MakeLayout } from '../../src/session/stores/database/database-layouts.ts'
import { setUps } from './set-ups.ts'

/** A layout of the table of sessions, for suites that hold in each. */
export interface TestLayout {
  readonly name: string
  readonly layout?: MakeLayout
  readonly table: string
  /** Columns that sessions fill; the first one has their data. */
  readonly columns: readonly [data: string, ...others: string[]]
  readonly keepsMetadata: boolean
}

export const OWN: TestLayout = {
  name: 'own',
  table: 'sessions',
  columns: ['data', 'user_id', 'user_agent', 'ip_address'],
  keepsMetadata: true,
}

/** The project's layout, and those of formats that have another. */
export const LAYOUTS: readonly TestLayout[] = [OWN, ...setUps.flatMap(({ layout }) => layout ?? [])]

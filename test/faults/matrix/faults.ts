import type { Fault } from './cell.ts'
import { processFaults } from './processes.ts'
import { raceFaults } from './races.ts'

const numberOf = ({ name }: Fault) => Number(name.slice(1))

/** The columns of the matrix. */
export const FAULTS: readonly Fault[] = [...processFaults, ...raceFaults].sort(
  (one, other) => numberOf(one) - numberOf(other),
)

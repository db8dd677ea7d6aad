import type { Fault } from './cell.ts'
import { clockFaults } from './clocks.ts'
import { damageFaults } from './damage.ts'
import { networkFaults } from './network.ts'
import { processFaults } from './processes.ts'
import { raceFaults } from './races.ts'
import { serverFaults } from './servers.ts'
import { startFaults } from './starts.ts'
import { sweepFaults } from './sweep.ts'

const numberOf = ({ name }: Fault) => Number(name.slice(1))

/** The columns of the matrix. */
export const FAULTS: readonly Fault[] = [
  ...processFaults,
  ...serverFaults,
  ...networkFaults,
  ...clockFaults,
  ...damageFaults,
  ...startFaults,
  ...sweepFaults,
  ...raceFaults,
].sort((one, other) => numberOf(one) - numberOf(other))

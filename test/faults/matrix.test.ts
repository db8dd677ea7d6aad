import { testCells } from './matrix/cells.ts'
import { FAULTS } from './matrix/faults.ts'
import { SET_UPS } from './matrix/set-ups.ts'

testCells(SET_UPS, FAULTS)

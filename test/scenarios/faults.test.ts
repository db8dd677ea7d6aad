import { testCells } from '../faults/matrix/cells.ts'
import { FAULTS } from '../faults/matrix/faults.ts'
import { SET_UPS } from '../faults/matrix/set-ups.ts'

// Those that restart nothing, on the default engine. All of them: npm run test:faults.
const QUICK = ['F8', 'F9', 'F14', 'F19', 'F20']

testCells(
  SET_UPS.slice(0, 1),
  FAULTS.filter(({ name }) => QUICK.includes(name)),
)

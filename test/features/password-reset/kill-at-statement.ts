import { Failing, tapStatements } from '../../support/failing.ts'

// Imported into a server: it ends without a chance to do anything, before the statement number KILL_AT, counted from the
// first one that has KILL_FROM in its text.
const { KILL_AT = '', KILL_FROM = '' } = process.env
let left = Number(KILL_AT)
let counting = false

class Killing extends Failing {
  override before(operation: string): undefined {
    counting ||= operation.includes(KILL_FROM)
    if (counting && --left === 0) process.kill(process.pid, 'SIGKILL')
  }
}

tapStatements(new Killing())

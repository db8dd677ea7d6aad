import { Command, CommanderError } from 'commander'
import { clearCommand } from './sessions/clear.ts'
import { doctorCommand } from './sessions/doctor.ts'
import { maintainCommand } from './sessions/maintain.ts'
import { explain, runWithEngine } from './sessions/run.ts'
import { showCommand } from './sessions/show.ts'
import { staffCommand } from './sessions/staff.ts'
import { statsCommand } from './sessions/stats.ts'
import { unlockCommand } from './sessions/unlock.ts'
import { userCommand } from './sessions/user.ts'
import { warmCommand } from './sessions/warm.ts'

const program = new Command('sessions')
  .description(
    'Manage the sessions of the configured engine (SESSION_ENGINE), and user accounts: new ones, staff, and those locked by failed sign-ins.',
  )
  .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 usage error.')
  .addCommand(clearCommand(runWithEngine))
  .addCommand(statsCommand(runWithEngine))
  .addCommand(warmCommand(runWithEngine))
  .addCommand(maintainCommand(runWithEngine))
  .addCommand(showCommand(runWithEngine))
  .addCommand(userCommand(runWithEngine))
  .addCommand(staffCommand(runWithEngine))
  .addCommand(unlockCommand(runWithEngine))
  .addCommand(doctorCommand())

for (const command of [program, ...program.commands]) command.exitOverride()

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its message already.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    const { message, exitCode } = explain(error)
    console.error(message)
    process.exitCode = exitCode
  }
}

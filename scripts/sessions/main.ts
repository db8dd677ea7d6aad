import { Command, CommanderError } from 'commander'
import { clearCommand } from './clear.ts'
import { doctorCommand } from './doctor.ts'
import { maintainCommand } from './maintain.ts'
import { explain, runWithEngine } from './run.ts'
import { showCommand } from './show.ts'
import { staffCommand } from './staff.ts'
import { statsCommand } from './stats.ts'
import { unlockCommand } from './unlock.ts'
import { userCommand } from './user.ts'
import { warmCommand } from './warm.ts'

/**
 * Runs one of the commands on the settings in the environment, and sets the exit code of this process.
 *
 * @param args the command's name and its own arguments
 */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await sessionsProgram().parseAsync(args, { from: 'user' })
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
}

function sessionsProgram(): Command {
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
  return program
}

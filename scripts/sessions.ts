import { Command, CommanderError } from 'commander'
import { clearCommand } from './sessions/clear.ts'
import { explain, runWithEngine } from './sessions/run.ts'
import { statsCommand } from './sessions/stats.ts'

const program = new Command('sessions')
  .description('Look after the sessions of the configured engine (SESSION_ENGINE).')
  .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong use.')
  .addCommand(clearCommand(runWithEngine))
  .addCommand(statsCommand(runWithEngine))

for (const command of [program, ...program.commands]) command.exitOverride()

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its sentence already.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    const { message, exitCode } = explain(error)
    console.error(message)
    process.exitCode = exitCode
  }
}

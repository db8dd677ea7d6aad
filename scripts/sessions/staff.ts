import { Command } from 'commander'
import type { Run } from './run.ts'

interface Options {
  remove?: boolean
  json?: true
}

/** `sessions staff`: makes an account staff; the only way to get the first one. */
export function staffCommand(run: Run): Command {
  return new Command('staff')
    .description('Make an account staff, so that it may open /operations and /staff/sessions.')
    .argument('<username>', 'the name of an enabled account')
    .option('--remove', 'make it an ordinary account again')
    .option('--json', 'print the account as JSON')
    .action(async (username: string, { remove = false, json }: Options) => {
      await run(async ({ users }) => {
        if (!(await users.setStaff(username, !remove)))
          throw new Error(`No enabled account has the name "${username}".`)
        if (json) console.log(JSON.stringify({ username, staff: !remove }))
        else console.log(`${username} is ${remove ? 'no longer' : 'now'} staff.`)
      })
    })
}

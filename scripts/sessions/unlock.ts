import { Command } from 'commander'
import { Throttle } from '../../src/web/throttle.ts'
import type { Run } from './run.ts'

/** `sessions unlock`: forgets an account's failed sign-ins. */
export function unlockCommand(run: Run): Command {
  return new Command('unlock')
    .description('Forget the failed sign-ins of an account, so that its password is accepted on any device again.')
    .argument('<username>', 'the name of an enabled account')
    .option('--json', 'print the account as JSON')
    .action(async (username: string, { json }: { json?: true }) => {
      await run(async (services) => {
        const user = await services.users.byUsername(username)
        if (user === undefined) throw new Error(`No enabled account has the name "${username}".`)
        await new Throttle(services).unlock(user)
        if (json) console.log(JSON.stringify({ username, unlocked: true }))
        else console.log(`${username} may sign in again.`)
      })
    })
}

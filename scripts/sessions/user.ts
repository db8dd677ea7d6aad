import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { text as readText } from 'node:stream/consumers'
import { Command } from 'commander'
import { z } from 'zod'
import { hashPassword } from '../../src/passwords.ts'
import type { Services } from '../../src/services.ts'
import { UsernameTakenError } from '../../src/users.ts'
import { newPasswordFields } from '../../src/web/password-field.ts'
import { passwordProblem } from '../../src/web/password-policy.ts'
import { type Run, UsageError } from './run.ts'

interface Options {
  email?: string
  staff?: boolean
  json?: true
}

const identity = z.object({
  username: z
    .string()
    .regex(/^[A-Za-z0-9._-]{3,30}$/, 'A username has 3 to 30 letters, digits, dots, dashes or underscores.'),
  email: z.email('This is no e-mail address.').max(254, 'This is no e-mail address.').or(z.literal('')),
})

/** `sessions user`: creates an account, for applications without registration. */
export function userCommand(run: Run): Command {
  return new Command('user')
    .description('Create an account. The password is asked for, or read from standard input.')
    .argument('<username>', 'the name of the account')
    .option('--email <address>', 'to which a link for a new password can be sent')
    .option('--staff', 'make it staff, so that it may open /operations and /staff/sessions')
    .option('--json', 'print the account as JSON')
    .action(async (username: string, { email = '', staff = false, json }: Options) => {
      const checked = identity.safeParse({ username, email })
      if (!checked.success) throw new UsageError(checked.error.issues[0]?.message)
      await run(async (services) => {
        if (await services.users.isTaken(username)) throw new Error(taken(username))
        const passwordHash = await hashPassword(await newPassword(services, username, email))
        const account = { username, email, fullName: username, passwordHash, isStaff: staff }
        const { id } = await services.users.create(account).catch((error: unknown) => {
          throw error instanceof UsernameTakenError ? new Error(taken(username)) : error
        })
        if (json) console.log(JSON.stringify({ id, username, staff }))
        else console.log(`${username} can sign in${staff ? ', and is staff' : ''}.`)
      })
    })
}

/** @throws Error if it is refused, which says why and never contains it */
async function newPassword({ config }: Services, username: string, email: string): Promise<string> {
  const password = process.stdin.isTTY ? await typedTwice() : (await readText(process.stdin)).replace(/\r?\n$/, '')
  const { success, error } = newPasswordFields.password.safeParse(password)
  if (!success) throw new Error(error.issues[0]?.message)
  const names = [username, email.slice(0, Math.max(0, email.lastIndexOf('@')))]
  const problem = await passwordProblem(password, { minLength: config.passwordMinLength, names })
  if (problem !== undefined) throw new Error(problem.replace('{min}', String(config.passwordMinLength)))
  return password
}

/** From the terminal, which does not show it. */
async function typedTwice(): Promise<string> {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 })
  const answers = lines[Symbol.asyncIterator]()
  const ask = async (prompt: string) => {
    process.stderr.write(prompt)
    const { value, done } = await answers.next()
    process.stderr.write('\n')
    if (done) throw new Error('No password was entered.')
    return value
  }
  try {
    const password = await ask('Password: ')
    if ((await ask('Repeat it: ')) !== password) throw new Error('The passwords do not match.')
    return password
  } finally {
    lines.close()
  }
}

function taken(username: string): string {
  return `The username "${username}" is taken.`
}

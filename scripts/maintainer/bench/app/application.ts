import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../../../src/database.ts'
import { hashPassword } from '../../../../src/passwords.ts'
import { Users } from '../../../../src/users.ts'
import { freePort, stopServer, whenListening } from '../../../test-services/processes.mjs'
import { parseProcStat } from '../noise.ts'
import { cookieHeader, type Visitor } from '../visitors.ts'

/** The whole application in production, as it is built. */
export interface Application {
  readonly origin: string
  /** Milliseconds of CPU time since its start. */
  cpu(): number
  stop(): Promise<void>
}

const PASSWORD = 'a password of the benchmark'

/** What a proxy with TLS would send; nginx sends the same. */
export const FORWARDED = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' }

/** @param nodeOptions such as those of a profile */
export async function startApplication(
  built: string,
  settings: Readonly<Record<string, string>>,
  serverPrefix: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<Application> {
  const port = await freePort()
  const [program = process.execPath, ...args] = [
    ...serverPrefix,
    process.execPath,
    ...nodeOptions,
    join(built, 'src', 'server.js'),
  ]
  const address = { HOST: '127.0.0.1', PORT: String(port), PUBLIC_ORIGIN: 'https://app.example', TRUSTED_PROXIES: '1' }
  const child = spawn(program, args, {
    env: { ...process.env, ...settings, ...address },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const kill = () => void child.kill()
  process.once('exit', kill)
  await whenListening(port, child)
  return {
    origin: `http://127.0.0.1:${port}`,
    cpu: () => cpuOf(child),
    async stop() {
      process.off('exit', kill)
      await stopServer(child)
    },
  }
}

/** Linux only: elsewhere there is no figure. */
function cpuOf({ pid }: ChildProcess): number {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, 'utf8')).milliseconds
  } catch {
    return Number.NaN
  }
}

export async function createUser(settings: Readonly<Record<string, string>>): Promise<void> {
  const knex = openDatabase(settings['DATABASE_URL'] ?? '')
  try {
    const passwordHash = await hashPassword(PASSWORD)
    const user = { username: 'visitor', email: 'visitor@example.com', fullName: 'A Visitor', passwordHash }
    await new Users(knex, [settings['SECRET_KEY'] ?? '']).create(user)
  } finally {
    await knex.destroy()
  }
}

/** @throws Error if a sign-in is refused */
export async function signedInVisitors(origin: string, count: number): Promise<Visitor[]> {
  const visitors: Visitor[] = []
  for (let index = 0; index < count; index++) {
    const response = await fetch(`${origin}/login`, {
      method: 'POST',
      headers: FORWARDED,
      body: new URLSearchParams({ username: 'visitor', password: PASSWORD }),
      redirect: 'manual',
    })
    if (response.status !== 303) throw new Error(`The sign-in was refused (status ${response.status}).`)
    visitors.push({ cookie: cookieHeader(response.headers.getSetCookie()) })
  }
  return visitors
}

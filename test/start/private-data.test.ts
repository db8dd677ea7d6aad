import { chmod, mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../src/database.ts'
import { has } from '../storage/present.ts'
import { isPrivate } from '../support/private.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'
import { cloneProject } from '../support/project.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
const SERVER = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' }
const COMMANDS: Record<string, string[]> = {
  migrate: ['scripts/run.mjs', 'knex', 'migrate:latest'],
  seed: ['scripts/run.mjs', 'scripts/seed.ts'],
  sessions: ['scripts/run.mjs', 'scripts/sessions.ts', 'clear'],
}
const onPosix = process.platform === 'win32' ? test.skip : test

// In its own process: nothing is left to the umask.
test.before(() => void process.umask(0))

async function widen(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile())
  for (const { name } of files) await chmod(join(folder, name), 0o644)
}

async function running(t: ExecutionContext, cwd: string, args: string[], env: Record<string, string>) {
  const server = startProcess(args, { cwd, env: { ...SERVER, ...env } })
  t.teardown(() => void server.child.kill('SIGKILL'))
  await server.printed(/ is on http/)
  return server
}

const DATABASE = ['app.sqlite3']
// Sessions in the table keep it open.
const OPEN = has('db') ? ['app.sqlite3', 'app.sqlite3-shm', 'app.sqlite3-wal'] : DATABASE

onPosix('data/ is for its owner alone, whichever command makes it or finds it open to others', async (t) => {
  const project = await cloneProject(t)
  const data = join(project, 'data')
  for (const [name, args] of Object.entries(COMMANDS)) {
    const command = startProcess(args, { cwd: project, env: { SECRET_KEY } })
    t.is(await command.ended(), 0, command.output())
    await isPrivate(t, data, DATABASE, name)
    await widen(data)
  }
  // What npm start runs, without the build.
  const start = [TYPESCRIPT, 'src/server.ts']
  const production = { NODE_ENV: 'production', SECRET_KEY }
  const started = await running(t, project, start, production)
  await isPrivate(t, data, OPEN, 'start')
  await widen(data)
  t.is(await started.stop(), 0)
  if (has('file')) {
    const onFiles = await running(t, project, start, { ...production, SESSION_ENGINE: 'file' })
    await isPrivate(t, data, [...OPEN, 'sessions'], 'start with session files')
    t.is(await onFiles.stop(), 0)
    await rm(join(data, 'sessions'), { recursive: true })
  }

  const first = await running(t, project, ['scripts/dev.mjs'], {})
  await isPrivate(t, data, [...OPEN, 'secret-key'], 'dev makes a secret')
  await widen(data)
  t.is(await first.stop('SIGINT'), 0)
  const second = await running(t, project, ['scripts/dev.mjs'], {})
  await isPrivate(t, data, [...OPEN, 'secret-key'], 'dev finds a secret')
  t.is(await second.stop('SIGINT'), 0)
})

onPosix('a database behind a link is for its owner alone, and so are the journals beside it', async (t) => {
  const project = await cloneProject(t)
  const [elsewhere, link] = [join(project, 'elsewhere'), join(project, 'link.sqlite3')]
  await mkdir(elsewhere, { mode: 0o700 })
  await symlink(join(elsewhere, 'app.sqlite3'), link)
  const first = openDatabase(`sqlite:${link}`)
  t.teardown(() => first.destroy())
  await first.schema.createTable('some', (table) => table.integer('id'))
  await isPrivate(t, elsewhere, OPEN, 'a link to nothing yet')
  for (const name of OPEN) await chmod(join(elsewhere, name), 0o644)
  const second = openDatabase(`sqlite:${link}`)
  t.teardown(() => second.destroy())
  await isPrivate(t, elsewhere, OPEN, 'a link to files that others may read')
})

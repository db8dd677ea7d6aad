import { existsSync } from 'node:fs'
import { cp, rename } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { loadFeatures } from '../../src/features/index.ts'
import { featureFolder } from '../../src/paths.ts'
import { has } from '../storage/present.ts'
import { startProcess } from '../support/processes.ts'
import { cloneProject, folderWithPackages, productionPackages } from '../support/project.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
const NO_BUILD =
  'There is no build: run "npm run build" where all packages are installed ("npm ci"), and copy dist/ here.\n'

test('the commands of operators run without dev dependencies', async (t) => {
  const clone = await cloneProject(t)
  const built = startProcess(['scripts/build.mjs'], { cwd: clone })
  t.is(await built.ended(), 0, built.output())
  const packages = await productionPackages()
  t.deepEqual(
    packages.filter((name) => ['tsx', 'typescript', 'esbuild', 'ava'].includes(name)),
    [],
  )
  const folder = await folderWithPackages(t, packages)
  for (const part of ['dist', 'scripts', 'views', 'public', 'docs', 'package.json']) {
    await cp(join(clone, part), join(folder, part), { recursive: true })
  }
  const env = {
    SECRET_KEY,
    DATABASE_URL: 'sqlite:./data/app.sqlite3',
    LOG_LEVEL: 'silent',
    HOST: '127.0.0.1',
    PORT: '0',
  }
  const run = async (expected: number, ...args: string[]) => {
    const process = startProcess(['scripts/run.mjs', ...args], { cwd: folder, env })
    t.is(await process.ended(), expected, `${args.join(' ')}: ${process.output()}`)
    return process.output()
  }

  t.regex(await run(0, 'knex', 'migrate:latest'), /\d+ migrations/)
  t.regex(await run(0, 'knex', 'migrate:rollback'), /rolled back: \d+ migrations/)
  await run(0, 'knex', 'migrate:latest')
  const isSeeded = (await loadFeatures()).some(({ name }) => existsSync(join(featureFolder(name), 'seed.ts')))
  t.is((await run(0, 'scripts/seed.ts')).startsWith('Seeded '), isSeeded)
  if (has('db')) t.regex(await run(0, 'scripts/sessions.ts', 'stats'), /^Sessions \(db\)/)
  await run(0, 'scripts/sessions.ts', 'clear')
  if (has('db')) await run(0, 'scripts/sessions.ts', 'maintain')
  t.regex(await run(0, 'scripts/sessions.ts', 'doctor', '--help'), /doctor/)
  t.is(await run(1, 'scripts/sessions.ts', 'staff', 'nobody'), 'No enabled account has the name "nobody".\n')

  const server = startProcess(['scripts/start.mjs'], { cwd: folder, env })
  t.teardown(() => void server.child.kill('SIGKILL'))
  const [, origin = ''] = await server.printed(/ is on (http:\S+)/)
  t.is((await fetch(origin)).status, 200)
  t.is(await server.stop(), 0)

  await rename(join(folder, 'dist'), join(folder, 'elsewhere'))
  t.is(await run(1, 'scripts/seed.ts'), NO_BUILD)
})

test('NODE_ENV=production runs the build, and reports a missing one', async (t) => {
  const folder = await cloneProject(t)
  const seed = startProcess(['scripts/run.mjs', 'scripts/seed.ts'], { cwd: folder, env: { NODE_ENV: 'production' } })
  t.is(await seed.ended(), 1)
  t.is(seed.output(), NO_BUILD)
})

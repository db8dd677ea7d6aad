import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, rename } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadFeatures } from '../../src/features/index.ts'
import { featureFolder } from '../../src/paths.ts'
import { LANGUAGES } from '../../src/web/languages.ts'
import { has } from '../storage/present.ts'
import { TestBrowser } from '../support/app.ts'
import { migratedSqlite } from '../support/databases.ts'
import { cloneWithNotes, note } from '../support/notes-steps.ts'
import { startProcess } from '../support/processes.ts'
import { cloneProject, folderWithPackages, productionPackages } from '../support/project.ts'
import { translations } from '../support/translations.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
const MISSING = 'SECRET_KEY is missing: set it to at least 32 random bytes, for example from `openssl rand -base64 48`.'
const DEMO = /ada-demo-password/
const NO_BUILD =
  'There is no build: run "npm run build" where all packages are installed ("npm ci"), and copy dist/ here.\n'

// Of a clone with a visitor's notes: compiling takes longer than most of these tests.
let built: string
const teardowns: (() => Promise<void>)[] = []
test.before(async (t) => {
  built = await cloneWithNotes({ teardown: (work) => void teardowns.push(work) })
  const build = startProcess(['scripts/build.mjs'], { cwd: built })
  t.is(await build.ended(), 0, build.output())
})
test.after.always(async () => {
  for (const work of teardowns) await work()
})

/** Another clone, with the build. */
async function cloneWithBuild(t: ExecutionContext): Promise<string> {
  const folder = await cloneWithNotes(t)
  await cp(join(built, 'dist'), join(folder, 'dist'), { recursive: true })
  return folder
}

test.serial('build and start: production, compiled, with secure cookies', async (t) => {
  const folder = await cloneWithBuild(t)
  const env = { SECRET_KEY, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' }
  const migrate = startProcess(['scripts/run.mjs', 'knex', 'migrate:latest'], { cwd: folder })
  t.is(await migrate.ended(), 0, migrate.output())
  t.regex(migrate.output(), /Batch 1 run: \d+ migrations/)
  const compiled = ['node_modules/knex/bin/cli.js', '--knexfile', 'dist/knexfile.js', 'migrate:latest']
  // It needs no secret.
  const again = startProcess(compiled, { cwd: folder })
  t.is(await again.ended(), 0, again.output())
  t.regex(again.output(), /Already up to date/, 'the migrations of the sources and of the build are the same ones')

  const started = startProcess(['scripts/start.mjs'], { cwd: folder, env: { NODE_ENV: 'development', ...env } })
  t.teardown(() => void started.child.kill('SIGKILL'))
  const [, origin = ''] = await started.printed(/ is on (http:\S+)/)
  const answer = await note(new TestBrowser(origin), 'milk')
  t.is(answer.status, 200)
  t.regex(
    answer.headers.getSetCookie()[0] ?? '',
    /^__Host-sessionid=[a-z0-9]{32}; .*Path=\/; SameSite=Lax; Secure; HttpOnly$/,
  )
  t.is(answer.headers.get('strict-transport-security'), 'max-age=31536000; includeSubDomains')
  for (const language of LANGUAGES) {
    const page = await fetch(origin, { headers: { 'accept-language': language } })
    const text = await page.text()
    t.true(text.includes(translations(language)('Sessions that hold.')), language)
    t.notRegex(text, DEMO)
  }
  t.is((await fetch(`${origin}/assets/style.css`)).status, 200)
  t.is(await started.stop(), 0)
})

test.serial('the build runs in production, unless NODE_ENV is set', async (t) => {
  const folder = await cloneWithBuild(t)
  const DATABASE_URL = await migratedSqlite(t)
  const run = (args: readonly string[], env: Record<string, string> = {}) => {
    const process = startProcess(args, { cwd: folder, env: { PORT: '0', HOST: '127.0.0.1', DATABASE_URL, ...env } })
    t.teardown(() => void process.child.kill('SIGKILL'))
    return process
  }
  const outcome = async (...asked: Parameters<typeof run>) => {
    const process = run(...asked)
    process.printed(/ is on http/).then(
      () => process.stop(),
      () => {},
    )
    return [await process.ended(), process.output().trim()]
  }
  await cp(join(folder, '.env.example'), join(folder, '.env'))
  const start = ['scripts/start.mjs']
  t.deepEqual(await outcome(start), [1, MISSING], '.env.example as it is')
  t.deepEqual(await outcome(['dist/src/server.js']), [1, MISSING], 'without npm')
  for (const NODE_ENV of ['Development', 'test']) {
    const ignored = `NODE_ENV=${NODE_ENV} is ignored: "npm start" is always production.`
    t.deepEqual(await outcome(start, { NODE_ENV }), [1, `${ignored}\n${MISSING}`])
  }
  const [code, output] = await outcome(['dist/src/server.js'], { NODE_ENV: 'prod' })
  t.is(code, 1)
  t.regex(String(output), /^NODE_ENV is wrong: [^\n]*$/)

  const page = async (args: readonly string[], env: Record<string, string>) => {
    const server = run(args, { LOG_LEVEL: 'silent', ...env })
    const [, origin = ''] = await server.printed(/ is on (http:\S+)/)
    const text = await (await fetch(origin)).text()
    t.is(await server.stop(), 0)
    return text
  }
  t.notRegex(await page(['dist/src/server.js'], { NODE_ENV: 'test', SECRET_KEY }), DEMO)
  t.notRegex(await page(['dist/src/server.js'], { SECRET_KEY }), DEMO)
})

// Windows has no SIGTERM.
const onPosix = process.platform === 'win32' ? test.skip : test.serial

onPosix('SIGTERM to npm start stops the server in order, and leaves none behind', async (t) => {
  const env = { SECRET_KEY, DATABASE_URL: await migratedSqlite(t), HOST: '127.0.0.1', PORT: '0' }
  const npm = spawn('npm', ['start'], {
    cwd: built,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A process group, so that a remaining server can be killed with the rest.
    detached: true,
  })
  t.teardown(() => {
    try {
      if (npm.pid !== undefined) process.kill(-npm.pid, 'SIGKILL')
    } catch {
      // All of it has ended.
    }
  })
  let output = ''
  let signalled = false
  npm.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (signalled || !output.includes(' is on http')) return
    signalled = true
    npm.kill('SIGTERM')
  })
  // Its output is closed when the server, too, has ended.
  await once(npm, 'close')
  t.regex(output, /finishing the requests in flight/)
})

test.serial('the commands of operators run without dev dependencies', async (t) => {
  const packages = await productionPackages()
  t.deepEqual(
    packages.filter((name) => ['tsx', 'typescript', 'esbuild', 'ava'].includes(name)),
    [],
  )
  const folder = await folderWithPackages(t, packages)
  for (const part of ['dist', 'scripts', 'views', 'public', 'docs', 'package.json']) {
    await cp(join(built, part), join(folder, part), { recursive: true })
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
  t.regex(await run(0, 'knex', 'migrate:rollback'), /rolled back: \d+ migrations/)

  await rename(join(folder, 'dist'), join(folder, 'elsewhere'))
  t.is(await run(1, 'scripts/seed.ts'), NO_BUILD)
})

test.serial('NODE_ENV=production runs the build, and reports a missing one', async (t) => {
  const folder = await cloneProject(t)
  const seed = startProcess(['scripts/run.mjs', 'scripts/seed.ts'], { cwd: folder, env: { NODE_ENV: 'production' } })
  t.is(await seed.ended(), 1)
  t.is(seed.output(), NO_BUILD)
})

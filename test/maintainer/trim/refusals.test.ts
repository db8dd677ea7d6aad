import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { cloneProject } from '../../support/project.ts'

// One clone under git for all, since what is refused changes nothing. The last test trims it.
let folder: string
const teardowns: (() => Promise<void>)[] = []
test.before(async () => {
  folder = await cloneProject({ teardown: (work) => void teardowns.push(work) })
  inGit('init', '--quiet')
  await mkdir(join(folder, '.git', 'info'), { recursive: true })
  // The packages are a link here, and ignored as a folder.
  await writeFile(join(folder, '.git', 'info', 'exclude'), 'node_modules\n')
  inGit('add', '--all')
  inGit('commit', '--quiet', '--message', 'Begin')
})
test.after.always(async () => {
  for (const work of teardowns) await work()
})

function inGit(...args: string[]): string {
  const as = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'core.autocrlf=false']
  return spawnSync('git', [...as, ...args], { cwd: folder, encoding: 'utf8' }).stdout
}

const status = () => inGit('status', '--porcelain')

async function trim(...args: string[]) {
  const program = startProcess([TYPESCRIPT, 'scripts/maintainer/trim/main.ts', ...args, '--no-check'], {
    cwd: folder,
    env: { DATABASE_URL: '' },
  })
  return { code: await program.ended(), output: program.output() }
}

test.serial('a dry run names the files, and changes nothing', async (t) => {
  t.timeout(240_000)
  const { code, output } = await trim('--preset', 'starter', '--dry-run')
  t.is(code, 0, output)
  t.regex(output, /^src\/features\/cart\/index\.ts$/m)
  t.regex(output, /^scripts\/maintainer\/trim\/main\.ts$/m)
  // As PowerShell passes "db,file".
  const spaced = await trim('--engines', 'db', 'file', '--features', 'none', '--dry-run')
  t.regex(spaced.output, /^Removes engine cache, .*feature cart/m)
  t.notRegex(spaced.output, /engine (db|file)\b/)
  t.is(status(), '')
})

test.serial('names that are none are refused in a sentence', async (t) => {
  t.timeout(240_000)
  const cases: [args: string[], pattern: RegExp][] = [
    [['--preset', 'attic'], /^There is no preset "attic": choose from /m],
    [['--name', 'My App'], /^"My App" is no name for a package/m],
    [['remove', 'attic'], /^There is no part "attic": choose from /m],
  ]
  for (const [args, pattern] of cases) {
    const { code, output } = await trim(...args)
    t.is(code, 1, output)
    t.regex(output, pattern)
  }
  t.is(status(), '')
})

test.serial('without git nothing could be taken back', async (t) => {
  t.timeout(240_000)
  await rename(join(folder, '.git'), join(folder, 'aside'))
  const refused = await trim('remove', 'cart')
  await rename(join(folder, 'aside'), join(folder, '.git'))
  t.deepEqual([refused.code, /is not under git/.test(refused.output)], [1, true], refused.output)
  t.is(status(), '')
})

test.serial('a database that has run migrations that go is refused', async (t) => {
  t.timeout(240_000)
  const file = join(folder, 'data', 'app.sqlite3')
  await mkdir(join(folder, 'data'))
  const knex = openDatabase(`sqlite:${file}`)
  await migrate(knex)
  await knex.destroy()
  const refused = await trim('remove', 'cart')
  t.is(refused.code, 1, refused.output)
  t.regex(refused.output, /has run migrations that go \(.*products.*\): roll them back, or use --new-database/)
  t.is(status(), '')
  t.true(existsSync(file))

  const other = join(folder, 'data', 'sessions.sqlite3')
  await rename(file, other)
  await writeFile(join(folder, '.env'), 'SESSION_DATABASE_URL=sqlite:./data/sessions.sqlite3\n')
  t.regex((await trim('remove', 'cart')).output, /^The database of SESSION_DATABASE_URL has run migrations that go/m)
  await writeFile(join(folder, '.env'), 'SESSION_DATABASE_URL=postgres://user:pass-of-user@127.0.0.1:1/x\n')
  const unreachable = await trim('remove', 'cart')
  t.regex(unreachable.output, /^The migrations of SESSION_DATABASE_URL cannot be read: /m)
  t.false(unreachable.output.includes('pass-of-user'))
  await rename(other, file)
  await rm(join(folder, '.env'))
})

test.serial('changes that are not committed are never mixed with those of trim, unless asked for', async (t) => {
  t.timeout(240_000)
  await appendFile(join(folder, 'README.md'), 'a note\n')
  const refused = await trim('remove', 'cart', '--new-database')
  t.is(refused.code, 1)
  t.regex(refused.output, /changes that are not committed: commit them, or use --force\.$/m)
  t.is(status(), ' M README.md\n')
  t.true(existsSync(join(folder, 'data', 'app.sqlite3')))

  const { code, output } = await trim('remove', 'cart', '--force', '--new-database')
  t.is(code, 0, output)
  t.regex(output, /^passed: format$/m)
  t.false(existsSync(join(folder, 'src/features/cart')))
  t.notRegex(await readFile(join(folder, 'src/features/index.ts'), 'utf8'), /cart/)
  t.false(existsSync(join(folder, 'data', 'app.sqlite3')), 'an empty database begins')
})

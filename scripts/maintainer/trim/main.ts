import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { projectRoot as root } from '../../../src/paths.ts'
import { applyChanges, planChanges } from './changes.ts'
import { ChoiceError, PRESETS, partsToRemove, partToRemove, type Wanted } from './choice.ts'
import { cutDocuments, settingNames } from './documents.ts'
import type { Planned } from './graph.ts'
import { databaseFiles, dirtyReason, migrationsRun, sqlitePath } from './guard.ts'
import { dropMessages } from './messages.ts'
import { dropMentions, rewriteManifest, scriptNames, unusedPackages } from './packages.ts'
import { type Part, readParts } from './parts.ts'
import { nameProject, writeReadme } from './readme.ts'

interface Options {
  readonly dryRun?: true
  readonly force?: true
  readonly newDatabase?: true
  readonly check: boolean
}

interface TrimOptions extends Options, Wanted {
  readonly preset?: string
  readonly name?: string
}

const DATABASE_URL = process.env['DATABASE_URL'] || 'sqlite:./data/app.sqlite3'

/** Removes parts, and with `name` also all that only maintainers need. */
async function remove(gone: readonly Part[], options: Options, name?: string): Promise<void> {
  const whole = name !== undefined
  const planned = planChanges(root, gone, whole)
  console.log(`Removes ${gone.length === 0 ? 'no part' : listed(gone)}: ${planned.deleted.size} files.`)
  if (options.dryRun) {
    console.log([...planned.deleted].sort().join('\n'))
    return
  }
  const dirty = options.force ? undefined : dirtyReason(root)
  if (dirty !== undefined) throw new ChoiceError(dirty)
  await checkDatabase(planned, options)
  const kept = (await readParts(root)).filter(
    (part) => !gone.some((one) => one.kind === part.kind && one.name === part.name),
  )
  const before = { settings: settingNames(root), scripts: scriptNames(root) }
  dropMessages(root, planned.deleted)
  applyChanges(root, planned)
  rewriteManifest(root, planned.deleted, name)
  if (name !== undefined) {
    nameProject(root, name)
    writeReadme(root, name, kept)
  }
  removePackages()
  run('documents', [process.execPath, '--import=tsx', 'scripts/documents.ts'])
  cutDocuments(root, {
    kept,
    files: planned.deleted,
    settings: without(before.settings, settingNames(root)),
    scripts: without(before.scripts, scriptNames(root)),
  })
  run('format', [process.execPath, join('node_modules', '@biomejs', 'biome', 'bin', 'biome'), 'check', '--write', '.'])
  if (!options.check) return
  run('types', [process.execPath, join('node_modules', 'typescript', 'bin', 'tsc'), '--noEmit'])
  run('unit tests', [process.execPath, join('scripts', 'test.mjs'), '--unit'])
  console.log('Look at the change with "git status", and commit it.')
}

async function checkDatabase(planned: Planned, options: Options): Promise<void> {
  const ran = await migrationsRun(root, planned.deleted, DATABASE_URL)
  if (ran.length === 0) return
  const path = sqlitePath(root, DATABASE_URL)
  if (!options.newDatabase || path === undefined) {
    const how =
      path === undefined ? 'point DATABASE_URL at an empty one' : 'use --new-database to begin with an empty one'
    throw new ChoiceError(`The database has run migrations that go (${ran.join(', ')}): roll them back, or ${how}.`)
  }
  for (const file of databaseFiles(path)) rmSync(file)
  console.log(`Deleted the database ${path}.`)
}

function removePackages(): void {
  const unused = unusedPackages(root)
  if (unused.length === 0) return
  // In package.json and the lock file alone: node_modules may be shared, and "npm install" cleans it.
  const npm = process.env['npm_execpath']
  const command = npm === undefined ? ['npm'] : [process.execPath, npm]
  run('packages', [...command, 'uninstall', '--package-lock-only', '--no-audit', '--no-fund', ...unused])
  dropMentions(root)
  console.log(`Removed ${unused.length} packages: ${unused.join(', ')}. Run "npm install" to clean node_modules.`)
}

/** @throws ChoiceError saying which step failed */
function run(step: string, [command = '', ...args]: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) {
    throw new ChoiceError(
      `${stdout}${stderr}\nFailed: ${step}. "git checkout . && git clean -fd" takes everything back.`,
    )
  }
  console.log(`passed: ${step}`)
}

function without(names: readonly string[], left: readonly string[]): Set<string> {
  return new Set(names.filter((name) => !left.includes(name)))
}

function listed(parts: readonly Part[]): string {
  return parts.map(({ kind, name }) => `${kind} ${name}`).join(', ')
}

const names = (text: string) => text.split(',').filter((name) => name !== '')

const program = new Command('trim')
  .description('Leave in this project only what it uses.')
  .option('--engines <names>', 'engines to keep, comma separated', names)
  .option('--caches <names>', 'caches to keep; by default all, if an engine that stays needs one', names)
  .option('--formats <names>', 'formats to keep', names)
  .option('--features <names>', 'features to keep, with those that they require; "" for none', names)
  .option('--languages <codes>', 'languages to keep; English always stays', names)
  .option(
    '--migrating',
    'keep what migrates sessions from one engine to another; the default with several engines or formats',
  )
  .option('--preset <name>', `one of ${Object.keys(PRESETS).join(', ')}; other options change it`)
  .option('--name <name>', 'the new name of the project')
  .action(async ({ preset, name, ...options }: TrimOptions) => {
    const parts = await readParts(root)
    await remove(partsToRemove(parts, { ...presetNamed(preset), ...options }), options, projectName(name))
  })
program
  .command('remove <part>')
  .description('Remove one part, such as a feature with the features that require it.')
  .action(async (name: string, _own: unknown, command: Command) => {
    await remove(partToRemove(await readParts(root), name), command.optsWithGlobals<Options>())
  })

for (const command of [program, ...program.commands]) {
  command
    .option('--dry-run', 'only say which files would go')
    .option('--force', 'also where git could not take it back')
    .option('--new-database', 'delete the SQLite database where it has run migrations that go')
    .option('--no-check', 'do not type-check and test what is left')
    .exitOverride()
}

/** @throws ChoiceError for a name that npm would refuse */
function projectName(name = 'my-app'): string {
  if (/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)) return name
  throw new ChoiceError(`"${name}" is no name for a package: use small letters, digits, dots and hyphens.`)
}

function presetNamed(name: string | undefined): Wanted {
  if (name === undefined) return {}
  const preset = PRESETS[name]
  if (preset === undefined)
    throw new ChoiceError(`There is no preset "${name}": choose from ${Object.keys(PRESETS).join(', ')}.`)
  return preset
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else if (error instanceof ChoiceError) {
    console.error(error.message)
    process.exitCode = 1
  } else throw error
}

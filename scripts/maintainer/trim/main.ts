import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseEnv } from 'node:util'
import { Command, CommanderError } from 'commander'
import { DEFAULT_DATABASE_URL } from '../../../src/database-address.ts'
import { errorLine } from '../../../src/log-error.ts'
import { projectRoot as root } from '../../../src/paths.ts'
import { applyChanges, planChanges } from './changes.ts'
import { ChoiceError, PRESETS, partsToRemove, partToRemove, type Wanted } from './choice.ts'
import { cutDocuments, pagePaths, settingNames } from './documents.ts'
import type { Planned } from './graph.ts'
import { databaseFiles, dirtyReason, migrationsRun, sqliteFile } from './guard.ts'
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
  await checkDatabases(planned, options)
  const kept = (await readParts(root)).filter(
    (part) => !gone.some((one) => one.kind === part.kind && one.name === part.name),
  )
  const before = { settings: settingNames(root), scripts: scriptNames(root), pages: pagePaths(root) }
  dropMessages(root, planned.deleted)
  applyChanges(root, planned)
  rewriteManifest(root, planned.deleted, name)
  if (name !== undefined) {
    nameProject(root, name)
    writeReadme(root, name, kept)
  }
  removePackages()
  run('documents', [process.execPath, '--import=./scripts/lib/typescript.mjs', 'scripts/documents.ts'])
  const scripts = without(before.scripts, scriptNames(root))
  cutDocuments(root, {
    kept,
    files: planned.deleted,
    settings: without(before.settings, settingNames(root)),
    scripts,
    pages: without(before.pages, pagePaths(root)),
  })
  format([...planned.written.keys(), 'src/web/locales'])
  if (!options.check) return
  run('types', [process.execPath, join('node_modules', 'typescript', 'bin', 'tsc'), '--noEmit'])
  run('unit tests', [process.execPath, join('scripts', 'test.mjs'), '--unit'])
  console.log('Look at the change with "git status", and commit it.')
}

/** @throws ChoiceError where a database has run migrations that go, unless it may be deleted */
async function checkDatabases(planned: Planned, options: Options): Promise<void> {
  const env = join(root, '.env')
  // Not loaded: the unit tests below would inherit it.
  const settings = existsSync(env) ? parseEnv(readFileSync(env, 'utf8')) : {}
  const { DATABASE_URL, SESSION_DATABASE_URL } = { ...settings, ...process.env }
  const urls = { DATABASE_URL: DATABASE_URL || DEFAULT_DATABASE_URL, SESSION_DATABASE_URL }
  const files: string[] = []
  for (const [variable, url] of Object.entries(urls)) {
    if (!url) continue
    const ran = await migrationsRun(root, planned.deleted, url).catch((error: unknown) => {
      throw new ChoiceError(`The migrations of ${variable} cannot be read: ${errorLine(error)}`)
    })
    if (ran.length === 0) continue
    const file = sqliteFile(root, url)
    if (!options.newDatabase || file === undefined) {
      const how =
        file === undefined ? `point ${variable} at an empty one` : 'use --new-database to begin with an empty one'
      throw new ChoiceError(
        `The database of ${variable} has run migrations that go (${ran.join(', ')}): roll them back, or ${how}.`,
      )
    }
    files.push(...databaseFiles(file))
  }
  for (const file of new Set(files)) {
    rmSync(file)
    console.log(`Deleted ${file}.`)
  }
}

function removePackages(): void {
  const unused = unusedPackages(root)
  if (unused.length === 0) return
  // In package.json and the lock file alone: node_modules may be shared, and "npm install" cleans it.
  // Other package managers set this variable as well.
  const npm = process.env['npm_execpath'] ?? ''
  const command = basename(npm) === 'npm-cli.js' ? [process.execPath, npm] : ['npm']
  run('packages', [...command, 'uninstall', '--package-lock-only', '--no-audit', '--no-fund', ...unused])
  dropMentions(root)
  console.log(`Removed ${unused.length} packages: ${unused.join(', ')}. Run "npm install" to clean node_modules.`)
}

/** Formats these files and folders, if they are there. */
function format(paths: readonly string[]): void {
  const there = paths.filter((path) => existsSync(join(root, path)))
  const biome = join('node_modules', '@biomejs', 'biome', 'bin', 'biome')
  run('format', [process.execPath, biome, 'check', '--write', 'package.json', ...there])
}

/** @throws ChoiceError saying which step failed */
function run(step: string, [command = '', ...args]: readonly string[]): void {
  // On Windows npm is a batch file, which Node only starts in a shell.
  const shell = command === 'npm' && process.platform === 'win32'
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8', shell })
  if (status !== 0) {
    const output = error === undefined ? `${stdout}${stderr}` : error.message
    throw new ChoiceError(`${output}\nFailed: ${step}. "git checkout . && git clean -fd" takes everything back.`)
  }
  console.log(`passed: ${step}`)
}

function without(names: readonly string[], left: readonly string[]): Set<string> {
  return new Set(names.filter((name) => !left.includes(name)))
}

function listed(parts: readonly Part[]): string {
  return parts.map(({ kind, name }) => `${kind} ${name}`).join(', ')
}

// PowerShell turns commas into spaces, and drops an empty argument.
const names = (text: string, before: readonly string[] = []) => [
  ...before,
  ...text.split(',').filter((name) => !['', 'none'].includes(name)),
]

const program = new Command('trim')
  .description('Leave in this project only what it uses.')
  .option('--engines <names...>', 'engines to keep, comma separated', names)
  .option('--caches <names...>', 'caches to keep; by default all, if an engine that stays needs one', names)
  .option('--formats <names...>', 'formats to keep', names)
  .option('--features <names...>', 'features to keep, with those that they require; none removes all', names)
  .option('--languages <codes...>', 'languages to keep; English always stays', names)
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

import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { cloneProject } from '../../support/project.ts'

/** Suites beside the unit suites that need no service. */
export const SUITES = [
  'test/{docs,features,scenarios,scripts,start,web}/**/*.test.ts',
  '!test/**/*-{redis,redis-servers,memcached,mariadb,postgresql}.test.ts',
]

/** One step on a clone, and the output of one that failed. */
export interface Step {
  readonly name: string
  readonly passed: boolean
  readonly output: string
}

/** A clone of the project in which trim has run with these arguments. */
export async function trimmed(t: Parameters<typeof cloneProject>[0], args: readonly string[]) {
  const folder = await cloneProject(t)
  const run = async (name: string, ...command: string[]): Promise<Step> => {
    const program = startProcess(command, { cwd: folder })
    const status = await program.ended()
    return { name, passed: status === 0, output: program.output() }
  }
  // A clone borrows its packages and is not under git.
  const trim = [TYPESCRIPT, 'scripts/maintainer/trim/main.ts', ...args, '--force', '--no-check']
  return {
    folder,
    trim: await run('trim', ...trim),
    types: () => run('types', 'node_modules/typescript/bin/tsc', '--noEmit'),
    lint: () => run('lint', 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'),
    unit: () => run('unit tests', 'scripts/test.mjs', '--unit'),
    suites: () => run('suites', 'node_modules/ava/entrypoints/cli.mjs', ...SUITES),
    build: () => run('build', 'scripts/build.mjs'),
    migrate: () => run('migrate', 'scripts/run.mjs', 'knex', 'migrate:latest'),
  }
}

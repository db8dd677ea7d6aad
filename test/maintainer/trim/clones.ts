import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { cloneProject, writeBatch } from '../../support/project.ts'

/** One step on a clone, and the output of one that failed. */
export interface Step {
  readonly name: string
  readonly passed: boolean
  readonly seconds: number
  readonly output: string
}

/** A clone of the project in which trim has run with these arguments. */
export async function trimmed(t: Parameters<typeof cloneProject>[0], args: readonly string[]) {
  const folder = await cloneProject(t)
  const run = async (name: string, ...command: string[]): Promise<Step> => {
    const begun = performance.now()
    const program = startProcess(command, { cwd: folder })
    const passed = (await program.ended()) === 0
    return { name, passed, seconds: (performance.now() - begun) / 1000, output: program.output() }
  }
  // A clone borrows its packages and is not under git.
  const trim = [TYPESCRIPT, 'scripts/maintainer/trim/main.ts', ...args, '--force', '--no-check']
  return {
    folder,
    trim: await run('trim', ...trim),
    // With threads it takes twice the CPU time, and the other tests have use for that.
    types: () => run('types', 'node_modules/typescript/bin/tsc', '--noEmit', '--singleThreaded'),
    lint: (...paths: string[]) =>
      run('lint', 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', ...paths),
    tests: (files: readonly string[]) =>
      run(`${files.length} test files`, 'node_modules/ava/entrypoints/cli.mjs', ...files),
    /** Of files that may share a process. */
    batch: async (files: readonly string[]) =>
      run(`${files.length} test files`, 'node_modules/ava/entrypoints/cli.mjs', await writeBatch(folder, files)),
    build: () => run('build', 'scripts/build.mjs'),
    migrate: () => run('migrate', 'scripts/run.mjs', 'knex', 'migrate:latest'),
  }
}

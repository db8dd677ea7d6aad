import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Runs ava, prints one line per test file and every failure in full, and answers the counts. */
export async function runAva(args, env) {
  const ava = spawn(process.execPath, ['node_modules/ava/entrypoints/cli.mjs', '--tap', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const files = new Map()
  const counts = { passed: 0, failed: 0, skipped: 0 }
  let failing = false
  for await (const line of createInterface({ input: ava.stdout })) {
    const test = /^(not )?ok \d+ - (.*?)( # SKIP.*)?$/.exec(line)
    if (test !== null) {
      const [, bad, title, skipped] = test
      failing = bad !== undefined
      counts[failing ? 'failed' : skipped === undefined ? 'passed' : 'skipped']++
      const file = title.includes(' › ') ? title.split(' › ')[0] : 'tests'
      files.set(file, (files.get(file) ?? 0) + 1)
    }
    if (failing && !/^# /.test(line)) console.log(line)
  }
  const code = await new Promise((resolve) =>
    ava.exitCode === null ? ava.once('exit', resolve) : resolve(ava.exitCode),
  )
  for (const [file, number] of files) console.log(`  ${String(number).padStart(4)}  ${file}`)
  // A file that crashes outside its tests fails the run without a failing test.
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

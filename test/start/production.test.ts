import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { startProcess } from '../support/processes.ts'
import { cloneProject } from '../support/project.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
const MISSING = 'SECRET_KEY is missing: set it to at least 32 random bytes, for example from `openssl rand -base64 48`.'

test('the build runs in production, unless NODE_ENV is set', async (t) => {
  const folder = await cloneProject(t)
  const run = (args: readonly string[], env: Record<string, string> = {}) => {
    const process = startProcess(args, { cwd: folder, env: { PORT: '0', HOST: '127.0.0.1', ...env } })
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
  const built = await outcome(['scripts/build.mjs'])
  t.is(built[0], 0, String(built[1]))
  const migrated = await outcome(['node_modules/knex/bin/cli.js', '--knexfile', 'dist/knexfile.js', 'migrate:latest'])
  t.is(migrated[0], 0, String(migrated[1]))

  await cp(join(folder, '.env.example'), join(folder, '.env'))
  const start = ['scripts/start.mjs']
  t.deepEqual(await outcome(start), [1, MISSING], '.env.example as it is')
  t.deepEqual(await outcome(['dist/src/server.js']), [1, MISSING], 'without npm')
  for (const NODE_ENV of ['development', 'Development', 'test']) {
    const ignored = `NODE_ENV=${NODE_ENV} is ignored: "npm start" is always production.`
    t.deepEqual(await outcome(start, { NODE_ENV }), [1, `${ignored}\n${MISSING}`])
  }
  const [code, output] = await outcome(['dist/src/server.js'], { NODE_ENV: 'prod' })
  t.is(code, 1)
  t.regex(String(output), /^NODE_ENV is wrong: [^\n]*$/)

  const demo = /ada-demo-password/
  const page = async (args: readonly string[], env: Record<string, string>) => {
    const server = run(args, { LOG_LEVEL: 'silent', ...env })
    const [, origin = ''] = await server.printed(/ is on (http:\S+)/)
    const text = await (await fetch(origin)).text()
    t.is(await server.stop(), 0)
    return text
  }
  t.notRegex(await page(start, { NODE_ENV: 'development', SECRET_KEY }), demo)
  t.notRegex(await page(['dist/src/server.js'], { NODE_ENV: 'test', SECRET_KEY }), demo)
  t.notRegex(await page(['dist/src/server.js'], { SECRET_KEY }), demo)
})

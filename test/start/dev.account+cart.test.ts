import { appendFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { startProcess } from '../support/processes.ts'
import { cloneProject } from '../support/project.ts'

const _SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

test('dev on a clean clone: data, secret, migrations, products, users, and reload', async (t) => {
  const folder = await cloneProject(t)
  const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' }
  const dev = startProcess(['scripts/dev.mjs'], { cwd: folder, env })
  t.teardown(() => void dev.child.kill('SIGKILL'))
  const [, origin = ''] = await dev.printed(/Holdfast is on (http:\S+)/)
  t.regex(dev.output(), /Migrated: \d+ steps\.\nSeeded: 72 products, 2 demo users\./)
  t.is((await stat(join(folder, 'data/secret-key'))).mode & 0o777, 0o600)
  t.regex(await (await fetch(origin)).text(), /<dt>ada<\/dt><dd><code>ada-demo-password</)
  const shop = await fetch(`${origin}/shop`, { headers: { accept: 'application/json' } })
  t.is(((await shop.json()) as { pages: number }).pages, 4)
  const signIn = await fetch(`${origin}/login`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ username: 'ada', password: 'ada-demo-password' }),
  })
  t.is(signIn.status, 303)
  const cookie = signIn.headers.getSetCookie()[0]?.split(';')[0] ?? ''

  await appendFile(join(folder, 'src/web/home.ts'), '\n')
  await dev.printed(/A file has changed[\s\S]*Holdfast is on http/)
  const [, again = ''] = await dev.printed(/Holdfast is on [\s\S]*Holdfast is on (http:\S+)/)
  const account = await fetch(`${again}/account`, { headers: { cookie, accept: 'application/json' } })
  t.is(account.status, 200, 'a restart signs nobody out')
  t.is(await dev.stop('SIGINT'), 0)
})

import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { has } from '../storage/present.ts'
import { TestBrowser } from '../support/app.ts'
import { cloneWithNotes, isSignedIn, signIn } from '../support/notes-steps.ts'
import { isPrivate } from '../support/private.ts'
import { startProcess } from '../support/processes.ts'

// In its own process: nothing is left to the umask.
test.before(() => void process.umask(0))

test('dev on a clean clone: data, secret, migrations, seeds, users, and reload', async (t) => {
  const folder = await cloneWithNotes(t)
  const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' }
  const dev = startProcess(['scripts/dev.mjs'], { cwd: folder, env })
  t.teardown(() => void dev.child.kill('SIGKILL'))
  const [, origin = ''] = await dev.printed(/ is on (http:\S+)/)
  t.regex(dev.output(), /Ran \d+ migrations\.\nSeeded: .*2 demo users\./)
  // Sessions in the table keep it open.
  const open = has('db') ? ['app.sqlite3-shm', 'app.sqlite3-wal'] : []
  if (process.platform !== 'win32')
    await isPrivate(t, join(folder, 'data'), ['app.sqlite3', 'secret-key', ...open], 'on a clean clone')
  t.regex(await (await fetch(origin)).text(), /<dt>ada<\/dt><dd><code>ada-demo-password</)
  const browser = new TestBrowser(origin)
  t.is((await signIn(browser, 'ada')).status, 200)

  await appendFile(join(folder, 'src/web/home.ts'), '\n')
  await dev.printed(/A file has changed[\s\S]* is on http/)
  const [, again = ''] = await dev.printed(/ is on [\s\S]* is on (http:\S+)/)
  t.true(await isSignedIn(new TestBrowser(again, browser.jar)), 'a restart signs nobody out')
  t.is(await dev.stop('SIGINT'), 0)
})

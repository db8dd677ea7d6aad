import test from 'ava'
import { LANGUAGES } from '../../src/web/languages.ts'
import { TestBrowser } from '../support/app.ts'
import { cloneWithNotes, note } from '../support/notes-steps.ts'
import { startProcess } from '../support/processes.ts'
import { translations } from '../support/translations.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'

test('build and start: production, compiled, with secure cookies', async (t) => {
  const folder = await cloneWithNotes(t)
  const env = { SECRET_KEY, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' }
  const build = startProcess(['scripts/build.mjs'], { cwd: folder })
  t.is(await build.ended(), 0, build.output())
  const migrate = startProcess(['scripts/run.mjs', 'knex', 'migrate:latest'], { cwd: folder })
  t.is(await migrate.ended(), 0, migrate.output())
  t.regex(migrate.output(), /Batch 1 run: \d+ migrations/)

  const started = startProcess(['scripts/start.mjs'], { cwd: folder, env })
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
    t.true((await page.text()).includes(translations(language)('Sessions that hold.')), language)
  }
  t.is((await fetch(`${origin}/assets/style.css`)).status, 200)
  t.is(await started.stop(), 0)
})

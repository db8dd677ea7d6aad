import type { ExecutionContext } from 'ava'
import { cleanUp, clearingLease, logResult } from '../../src/cleanup.ts'
import { openLog } from '../../src/log.ts'
import { serialOn } from '../storage/present.ts'
import { type Answer, startApp, type TestApp } from '../support/app.ts'
import { type DriverErrors, ofDatabases, ofStores } from '../support/driver-errors.ts'
import { Failing, tapMethods, tapStatements } from '../support/failing.ts'
import { featureStories, type Story, Visit } from '../support/stories.ts'

const MAX_STEPS = 100
const UNLIMITED = { ATTEMPTS_PER_ADDRESS: '100000', SESSION_MAX_NEW_PER_MINUTE: '0' }

/** What the application has written to its log during a request. */
class Log {
  readonly lines: string[] = []
  #onLine = () => {}

  readonly write = (line: string) => {
    this.lines.push(line)
    this.#onLine()
  }

  /** Resolves when a line has this text. */
  async has(text: string): Promise<void> {
    while (!this.lines.some((line) => line.includes(text))) {
      await new Promise<void>((resolve) => {
        this.#onLine = resolve
      })
    }
  }
}

interface World {
  readonly app: TestApp
  readonly failing: Failing
  readonly log: Log
  readonly errors: DriverErrors
}

/** Has each operation of a story fail, one per run, until a run has none left. */
async function failEach(t: ExecutionContext, world: World, story: Story, kind: keyof DriverErrors): Promise<void> {
  const { app, failing, log, errors } = world
  for (let step = 1; step < MAX_STEPS; step++) {
    await app.services.knex('failed_attempts').delete()
    const visit = new Visit(app, (text) => log.has(text))
    const send = await story.begin(visit)
    const makers = errors[kind]
    const make = makers[step % makers.length]
    if (make === undefined) throw new Error('there is no such error')
    log.lines.length = 0
    failing.at(step, make)
    const answer = await send()
    const label = `${story.name}, ${kind} at ${step}`
    if (!failing.at(0)) {
      // Without a table of sessions some stories have nothing to end.
      if (errors === ofDatabases) t.is(answer.status, story.status, label)
      else t.true(answer.status < 500, `${label}: ${answer.status}`)
      return
    }
    if (kind === 'lost') t.true(answer.status < 500 || answer.status === 503, `${label}: ${answer.status}`)
    await keepsSecrets(t, world, { visit, answer, label })
  }
  throw new Error(`${story.name} does not end`)
}

async function keepsSecrets(
  t: ExecutionContext,
  { failing, log }: World,
  { visit, answer, label }: { visit: Visit; answer: Answer; label: string },
): Promise<void> {
  const { paths } = visit
  // The public id of a session may be in a path.
  const secrets = [...failing.values, ...(await visit.secrets())].filter(
    (secret) => !paths.some((path) => path.includes(secret)),
  )
  const foundIn = (text: string) =>
    secrets.filter((secret) => text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)))
  const said = log.lines.join('')
  t.deepEqual(foundIn(said), [], `${label}: the log has these: ${said}`)
  if (answer.status >= 500) t.deepEqual(foundIn(answer.text), [], `${label}: the answer has these`)
  failing.values.clear()
}

/** Clears expired sessions, as the application does at intervals. */
function cleaning({ services }: TestApp): Story {
  const lease = clearingLease(services, 'expired')
  return {
    name: 'clean-up',
    status: 200,
    async begin() {
      await services.knex('session_leases').delete()
      return async () => {
        const result = await cleanUp(services, lease)
        logResult(services, result)
        const status = result.outcome === 'failed' ? 503 : 200
        return { status, headers: new Headers(), text: '', json: () => JSON.parse('') }
      }
    },
  }
}

async function start(t: ExecutionContext, env: Record<string, string>): Promise<{ app: TestApp; log: Log }> {
  const log = new Log()
  const logger = openLog({ mode: 'test', logLevel: 'trace' }, log)
  const app = await startApp({ ...UNLIMITED, ...(await featureStories()).env, ...env }, logger)
  t.teardown(() => app.close())
  return { app, log }
}

async function failAll(t: ExecutionContext, world: World): Promise<void> {
  const { stories } = await featureStories()
  for (const story of [...stories, cleaning(world.app)]) {
    for (const kind of ['refused', 'lost'] as const) await failEach(t, world, story, kind)
  }
}

serialOn({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'sealed' })(
  'no secret is logged or shown, whichever statement fails (ASVS 16.2.5)',
  async (t) => {
    t.timeout(120_000)
    const failing = new Failing()
    const { app, log } = await start(t, {})
    t.teardown(tapStatements(failing))
    await failAll(t, { app, failing, log, errors: ofDatabases })
    const failed = [...failing.failed]
    t.true(
      failed.some((sql) => sql.includes('`')),
      'one of Knex',
    )
    t.true(
      failed.some((sql) => / FROM sessions /.test(sql)),
      'a prepared one',
    )
  },
)

for (const engine of ['cache', 'file']) {
  serialOn({ SESSION_ENGINE: engine })(
    `${engine}: no secret is logged or shown, whichever operation fails`,
    async (t) => {
      t.timeout(120_000)
      const failing = new Failing()
      const { app, log } = await start(t, { SESSION_ENGINE: engine })
      const { cache, store } = app.services
      if (cache !== undefined) tapMethods(failing, cache, ['get', 'add', 'swap', 'delete'])
      else if (store !== undefined) tapMethods(failing, store, ['load', 'create', 'save', 'touch', 'delete'])
      await failAll(t, { app, failing, log, errors: ofStores })
      t.true(failing.failed.size > 1)
    },
  )
}

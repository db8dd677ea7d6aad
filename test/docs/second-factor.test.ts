import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, parse } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import type { Context } from 'koa'
import { projectRoot } from '../../src/paths.ts'
import { type Session, signIn } from '../../src/session/index.ts'
import { handle } from '../../src/session/testing/handle.ts'
import { startApp } from '../support/app.ts'
import { startProcess } from '../support/processes.ts'
import { accessRows, examplePath } from '../support/routes.ts'
// The recipe extends their sign-in, and goes with them.
import '../features/account/steps.ts'

// What the handlers of the document take for granted.
const SURROUNDINGS = `
import 'koa-body'
import type { Context } from 'koa'
import type { Services } from '${projectRoot}/src/services.ts'
import type { User } from '${projectRoot}/src/users.ts'
import { signInUser } from '${projectRoot}/src/web/current-user.ts'
import { localPath } from '${projectRoot}/src/web/next-path.ts'
import { seeOther } from '${projectRoot}/src/web/redirect.ts'
import { logSecurity } from '${projectRoot}/src/web/security-log.ts'
import { Throttle } from '${projectRoot}/src/web/throttle.ts'
import { beginSecondStep, halfSignedIn } from './half.ts'

declare const services: Services
declare const factors: { has(userId: string): Promise<boolean>; verify(userId: string, code: string): Promise<boolean> }
declare function refuse(ctx: Context, errors: Record<string, string>): Promise<void>
const { users } = services
const throttle = new Throttle(services)
`
const HANDLERS = [
  'login(ctx: Context, user: User, { next, remember }: { next: string; remember: boolean })',
  'secondStep(ctx: Context, code: string)',
]

interface Half {
  readonly userId: string
  readonly proof: string
  readonly remember: boolean
}

interface Recipe {
  beginSecondStep(session: Session, user: Half): Promise<void>
  halfSignedIn(session: Session): Half | null
}

/** The blocks of TypeScript in the document: a module, and the ends of two handlers. */
async function blocks(): Promise<string[]> {
  const document = await readFile(join(projectRoot, 'docs/second-factor.md'), 'utf8')
  return [...document.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
}

/** The module that the document prints, with imports that work from another folder. Its slice can be declared once. */
async function printed(): Promise<Recipe> {
  const [code = ''] = await blocks()
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-recipe-'))
  const file = join(folder, 'half.mts')
  const engine = pathToFileURL(join(projectRoot, 'src/session/index.ts')).href
  await writeFile(
    file,
    code.replace("'../../session/index.ts'", `'${engine}'`).replace("'zod'", `'${import.meta.resolve('zod')}'`),
  )
  const loaded = (await import(pathToFileURL(file).href)) as Recipe
  await rm(folder, { recursive: true })
  return loaded
}

let recipe: Recipe
test.before(async () => {
  recipe = await printed()
})

test('a half signed-in session has no user, gets a new key, and ends with the sign-in or its five minutes', async (t) => {
  const ada = { userId: 'ada', proof: 'proof', remember: true }
  let now = Date.UTC(2026, 0, 1)
  const settings = { now: () => now }
  const half = (session: Session) => recipe.halfSignedIn(session)
  const show = async (ctx: Context) => {
    ctx.body = { half: half(await ctx.session()) }
  }

  const first = await handle(async (ctx) => (await ctx.session()).set('basket', 1), { settings })
  const begun = await first.again(async (ctx) => recipe.beginSecondStep(await ctx.session(), ada))
  t.is(begun.session.userId, null)
  t.deepEqual(half(begun.session), ada)
  t.truthy(begun.cookie)
  t.not(begun.cookie, first.cookie, 'the key from before the password is not half signed in')

  now += 299_000
  const late = await begun.again(show)
  t.deepEqual(JSON.parse(late.text), { half: ada })
  const whole = await late.again(async (ctx) => signIn(await ctx.session(), 'ada'))
  t.is(whole.session.userId, 'ada')
  t.is(half(whole.session), null)

  const other = await handle(async (ctx) => recipe.beginSecondStep(await ctx.session(), ada), { settings })
  now += 300_000
  const expired = await other.again(show)
  t.deepEqual(JSON.parse(expired.text), { half: null })
})

test('a half signed-in session opens nothing that an anonymous one does not, on any route', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const { config, engine, accounts, users } = app.services
  const ada = await users.byUsername('ada')
  if (ada === undefined) throw new Error('no demo user')
  const settings = { ...config.session, engine, accounts }
  const half = { userId: ada.id, proof: users.authHash(ada), remember: false }
  const begin = async () =>
    (await handle(async (ctx) => recipe.beginSecondStep(await ctx.session(), half), { settings })).cookie
  const show = async (ctx: Context) => {
    ctx.body = recipe.halfSignedIn(await ctx.session())
  }
  const kept = await handle(show, { settings, headers: { cookie: await begin() } })
  t.deepEqual(JSON.parse(kept.text), half, 'it is one')

  const access = await accessRows()
  for (const { method, path } of app.routes) {
    const who = access[`${method} ${path}`]
    if (who !== 'users' && who !== 'staff') continue
    const headers = { cookie: await begin(), origin: app.origin, 'sec-fetch-site': 'same-origin' }
    const ask = (accept: string) =>
      fetch(app.origin + examplePath(path), { method, headers: { ...headers, accept }, redirect: 'manual' })
    const page = await ask('text/html')
    t.is(page.status, 303, `${method} ${path}`)
    t.regex(page.headers.get('location') ?? '', /^\/login\?next=/, path)
    t.is((await ask('application/json')).status, 401, `${method} ${path}`)
  }
  const cookie = await begin()
  for (const path of ['/', '/login']) {
    const { text } = await app.browser().get(path, { cookie })
    t.notRegex(text, /Signed in as|\/logout|account\/sessions/, path)
  }
  t.deepEqual((await engine.listUser(ada.id)).listed, [], 'it is no device of the user')
})

test('every block of the document compiles', async (t) => {
  t.timeout(120_000)
  const [half = '', ...handlers] = await blocks()
  t.is(handlers.length, HANDLERS.length)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-recipe-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'), 'junction')
  const bodies = handlers.map((body, at) => `export async function ${HANDLERS[at]} {\n${body}}\n`)
  await writeFile(join(folder, 'half.ts'), half.replace('../../session', `${projectRoot}/src/session`))
  await writeFile(join(folder, 'handlers.ts'), [SURROUNDINGS, ...bodies].join('\n'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const { compilerOptions } = JSON.parse(await readFile(join(projectRoot, 'tsconfig.json'), 'utf8'))
  const options = {
    ...compilerOptions,
    rootDir: parse(projectRoot).root,
    rewriteRelativeImportExtensions: false,
    noEmit: true,
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['handlers.ts'] }))
  const tsc = startProcess([join(projectRoot, 'node_modules/typescript/bin/tsc')], { cwd: folder })
  await tsc.ended()
  t.is(tsc.output(), '')
})

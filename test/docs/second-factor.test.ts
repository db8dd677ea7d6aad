import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { Context } from 'koa'
import { projectRoot } from '../../src/paths.ts'
import { type Session, signIn } from '../../src/session/index.ts'
import { handle } from '../../src/session/testing/handle.ts'

interface Half {
  readonly userId: string
  readonly proof: string
  readonly remember: boolean
}

interface Recipe {
  beginSecondStep(session: Session, user: Half): Promise<void>
  halfSignedIn(session: Session): Half | null
  cancelSecondStep(session: Session): void
}

/** The module that the document prints, with imports that work from another folder. */
async function printed(t: ExecutionContext): Promise<Recipe> {
  const document = await readFile(join(projectRoot, 'docs/second-factor.md'), 'utf8')
  const [, code = ''] = /```ts\n(\/\/ src\/features\/second-factor\/half\.ts\n[\s\S]*?)```/.exec(document) ?? []
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-recipe-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'half.mts')
  const engine = pathToFileURL(join(projectRoot, 'src/session/index.ts')).href
  await writeFile(
    file,
    code.replace("'../../session/index.ts'", `'${engine}'`).replace("'zod'", `'${import.meta.resolve('zod')}'`),
  )
  return (await import(pathToFileURL(file).href)) as Recipe
}

test('a half signed-in session has no user, gets a new key, and ends with the sign-in or its five minutes', async (t) => {
  const recipe = await printed(t)
  const ada = { userId: 'ada', proof: 'proof', remember: true }
  let now = Date.UTC(2026, 0, 1)
  const settings = { now: () => now }
  const half = (session: Session) => recipe.halfSignedIn(session)
  const show = async (ctx: Context) => {
    ctx.body = { half: half(await ctx.session()) }
  }

  const first = await handle(async (ctx) => (await ctx.session()).set('cart', 1), { settings })
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

  const again = await handle(async (ctx) => recipe.beginSecondStep(await ctx.session(), ada), { settings })
  const cancelled = await again.again(async (ctx) => recipe.cancelSecondStep(await ctx.session()))
  t.is(half(cancelled.session), null)
})

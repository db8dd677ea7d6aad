import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../../src/paths.ts'
import { startProcess } from '../../support/processes.ts'
import { ENGINE_PACKAGES, folderWithPackages } from '../../support/project.ts'

const COUNTER = `
import Koa from 'koa'
import { sealedCodec } from './session/codec/sealed/sealed.ts'
import { StoredEngine, sessions } from './session/index.ts'
import { MemoryStore } from './session/stores/memory.ts'

const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
const cookie = { name: 'sessionid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
const codec = sealedCodec({ secrets: ['at least 32 random bytes of your own'], namespace: cookie.name })
const engine = new StoredEngine({ store: new MemoryStore(), codec, expiry })

const app = new Koa()
app.use(sessions({ engine, cookie, expiry }))
app.use(async (ctx) => {
  const session = await ctx.session()
  session.update('visits', (visits) => Number(visits ?? 0) + 1)
  ctx.body = String(session.get('visits'))
})
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) console.log('on http://127.0.0.1:' + address.port)
})
`

test('src/session copied into an empty Koa project compiles with only its packages, and counts', async (t) => {
  const folder = await folderWithPackages(t, ENGINE_PACKAGES)
  await cp(join(projectRoot, 'src/session'), join(folder, 'src/session'), { recursive: true })
  await writeFile(join(folder, 'src/app.ts'), COUNTER)
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const { compilerOptions } = JSON.parse(await readFile(join(projectRoot, 'tsconfig.json'), 'utf8'))
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))

  const tsc = startProcess([join(projectRoot, 'node_modules/typescript/bin/tsc'), '--noEmit'], { cwd: folder })
  t.is(await tsc.ended(), 0, tsc.output())

  const tsx = import.meta.resolve('tsx')
  const app = startProcess([`--import=${tsx}`, 'src/app.ts'], { cwd: folder })
  t.teardown(() => void app.child.kill('SIGKILL'))
  const [, origin = ''] = await app.printed(/on (http:\S+)/)
  const first = await fetch(origin)
  t.is(await first.text(), '1')
  const cookie = first.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  t.is(await (await fetch(origin, { headers: { cookie } })).text(), '2')
  t.is(await (await fetch(origin)).text(), '1')
})

/** Optional parts, each with what cannot do without it. */
const PARTS: Record<string, readonly string[]> = {
  'caches/memcached': [],
  'caches/redis': [],
  'codec/django': [],
  'engines/cookie': [
    'engines/hybrid',
    'engines/migrating/cookie-migration.ts',
    'engines/migrating/hybrid-migration.ts',
  ],
  'engines/hybrid': ['engines/migrating/hybrid-migration.ts'],
  'engines/migrating': [],
  'stores/cached': [],
  'stores/database': ['engines/migrating/revocations.ts'],
  'stores/file': [],
}

test('each optional part of the engine can be removed: nothing that is left imports it', async (t) => {
  const root = join(projectRoot, 'src/session')
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts'))
  const sources = await Promise.all(
    files.map(async (file) => [toSlashes(file), await readFile(join(root, file), 'utf8')] as const),
  )
  const dangling: string[] = []
  for (const [part, dependents] of Object.entries(PARTS)) {
    const isIn = (one: string, file: string) => file === one || file.startsWith(`${one}/`)
    const isRemoved = (file: string) => [part, ...dependents].some((one) => isIn(one, file))
    for (const one of [part, ...dependents])
      t.true(
        sources.some(([file]) => isIn(one, file)),
        `${one} exists`,
      )
    for (const [file, source] of sources) {
      // Types that a part declared for all files would go with it.
      if (isRemoved(file)) t.notRegex(source, /^declare (module|global)/m, file)
      else
        for (const target of importsOf(file, source))
          if (isRemoved(target)) dangling.push(`without ${part}: ${file} imports ${target}`)
    }
  }
  t.deepEqual(dangling, [])
})

test('what is left without migrating has nothing that only migrating would use', async (t) => {
  const root = join(projectRoot, 'src/session')
  const sources = new Map<string, string>()
  for (const file of await readdir(root, { recursive: true })) {
    if (!file.endsWith('.ts') || file.startsWith(join('engines', 'migrating'))) continue
    sources.set(file, await readFile(join(root, file), 'utf8'))
  }
  const engines = [...sources].filter(([file]) => file.startsWith('engines'))
  const contract = [...(sources.get(join('engines', 'engine.ts')) ?? '').matchAll(METHOD)].map(([, name]) => name)
  t.deepEqual(contract, ['open', 'commit', 'touch', 'end', 'endUser', 'listUser', 'endOne'])
  const left: string[] = []
  for (const [file, source] of engines) {
    if (/migrat/i.test(source)) left.push(`${file} speaks of it`)
    for (const [, name = ''] of source.matchAll(METHOD)) {
      const isCalled = engines.some(([, other]) => withoutMethod(other, name).includes(`.${name}(`))
      if (!isCalled && !contract.includes(name)) left.push(`${file}: nobody calls ${name}`)
    }
    for (const [, name = ''] of source.matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)) {
      const uses = [...sources.values()].flatMap((other) => other.match(new RegExp(`\\b${name}\\b`, 'g')) ?? [])
      if (!ENTRANCES.has(name) && uses.length < 2) left.push(`${file}: nobody uses ${name}`)
    }
  }
  t.deepEqual(left, [])
})

test('no engine asks another which engine it is', async (t) => {
  const root = join(projectRoot, 'src/session')
  const asking: string[] = []
  for (const file of await readdir(root, { recursive: true })) {
    const asks =
      file.endsWith('.ts') && /instanceof \w*(Engine|Store|Cache)\b/.test(await readFile(join(root, file), 'utf8'))
    if (asks) asking.push(file)
  }
  t.deepEqual(asking, [])
})

/** What applications put together themselves. */
const ENTRANCES = new Set(['CookieEngine', 'HybridEngine', 'StoredEngine'])
const METHOD = /^ {2}(?:async )?(?!constructor)([a-z]\w*)(?:<\w+>)?\(/gm

/** Delegating to the same method of another object is no use of it. */
function withoutMethod(source: string, name: string): string {
  return source.replace(new RegExp(`^ {2}(?:async )?${name}\\([^]*?^ {2}\\}$`, 'gm'), '')
}

test('the path of a change in the document imports no engine, cache or format that is not configured', async (t) => {
  const root = join(projectRoot, 'src/session')
  const document = await readFile(join(projectRoot, 'docs/architecture.md'), 'utf8')
  const way = document.slice(document.indexOf('## The path of a change'), document.indexOf('## The two guarantees'))
  const named = [...way.matchAll(/^\| \w+ \| `src\/session\/([^`]+)`/gm)].map(([, file = '']) => file)
  t.is(named.length, 5, 'and the handler')
  const met = new Set(named)
  // It grows while it is walked.
  for (const file of met) {
    const source = await readFile(join(root, file), 'utf8')
    for (const target of importsOf(file, source)) met.add(target)
  }
  const optional = Object.keys(PARTS).filter((part) => part !== 'stores/database')
  t.deepEqual(
    [...met].filter((file) => optional.some((part) => file.startsWith(`${part}/`))),
    [],
  )
})

/** The files that a file of src/session imports, relative to that folder and with slashes. */
function importsOf(file: string, source: string): string[] {
  const imports = source.matchAll(/\b(?:from |import |import\()'(\.[^']+)'/g)
  return [...imports].map(([, target = '']) => toSlashes(join(dirname(file), target)))
}

function toSlashes(path: string): string {
  return path.split(sep).join('/')
}

const LAYERS = ['core', 'caches', 'codec', 'stores', 'engines', 'top', 'http', 'index.ts', 'testing']

test('imports of the engine go one way: no layer imports a higher one', async (t) => {
  const root = join(projectRoot, 'src/session')
  const layerOf = (path: string) => {
    const [first = '', ...below] = relative(root, path).split(sep)
    return LAYERS.indexOf(below.length > 0 || first === 'index.ts' ? first : 'top')
  }
  const upward: string[] = []
  for (const file of await readdir(root, { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    const path = join(root, file)
    for (const target of importsOf(file, await readFile(path, 'utf8'))) {
      if (layerOf(join(root, target)) > layerOf(path)) upward.push(`${file} -> ${target}`)
    }
  }
  t.deepEqual(upward, [])
})

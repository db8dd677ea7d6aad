import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../../src/paths.ts'
import { blocksOf } from '../../support/blocks.ts'
import { startProcess } from '../../support/processes.ts'
import { ENGINE_PACKAGES, folderWithPackages } from '../../support/project.ts'

const GUIDE = 'docs/copying-the-engine.md'
const COUNTER = `
const app = new Koa()
const { sealedCodec } = require('./session-js/codec/sealed/sealed.js')
const { MemoryStore } = require('./session-js/stores/memory.js')
const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
const cookie = { name: 'sessionid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 }
const codec = sealedCodec({ secrets: ['at least 32 random bytes of your own'], namespace: cookie.name })
app.use(sessions({ engine: new StoredEngine({ store: new MemoryStore(), codec, expiry }), cookie, expiry }))
app.use(async (ctx) => {
  const session = await ctx.session()
  session.update('visits', (n) => Number(n ?? 0) + 1)
  ctx.body = String(session.get('visits'))
})
const server = app.listen(0, '127.0.0.1', () => console.log('port', server.address().port))
`

async function printed(language: string): Promise<string[]> {
  return (await blocksOf(GUIDE)).filter((block) => block.language === language).map(({ code }) => code)
}

for (const compiler of ['typescript', 'typescript-5']) {
  test(`with the options of the guide, ${compiler} compiles the copied engine and what the guide prints`, async (t) => {
    t.timeout(300_000)
    const folder = await folderWithPackages(t, ENGINE_PACKAGES)
    await cp(join(projectRoot, 'src/session'), join(folder, 'session'), { recursive: true })
    for (const { file, code } of await blocksOf(GUIDE)) {
      if (file !== undefined) await writeFile(join(folder, file), code)
    }
    const [options = ''] = await printed('json')
    await writeFile(join(folder, 'tsconfig.json'), options)
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    const program = join(projectRoot, 'node_modules', compiler, 'bin/tsc')
    const { version } = JSON.parse(await readFile(join(projectRoot, 'node_modules', compiler, 'package.json'), 'utf8'))
    t.regex(version, compiler === 'typescript' ? /^7\./ : /^5\.9\./)
    const threads = compiler === 'typescript' ? ['--singleThreaded'] : []
    const tsc = startProcess([program, '--noEmit', ...threads], { cwd: folder })
    t.is(await tsc.ended(), 0, tsc.output())
  })
}

test('a CommonJS application requires the compiled engine', async (t) => {
  t.timeout(300_000)
  const folder = await folderWithPackages(t, ENGINE_PACKAGES)
  await cp(join(projectRoot, 'src/session'), join(folder, 'session'), { recursive: true })
  const [, options = ''] = await printed('json')
  await writeFile(join(folder, 'session/tsconfig.json'), options)
  await writeFile(join(folder, 'session/package.json'), '{"type":"module"}')
  await mkdir(join(folder, 'session-js'))
  await cp(join(folder, 'session/package.json'), join(folder, 'session-js/package.json'))
  const program = join(projectRoot, 'node_modules/typescript/bin/tsc')
  const tsc = startProcess([program, '--project', 'session/tsconfig.json', '--singleThreaded'], { cwd: folder })
  t.is(await tsc.ended(), 0, tsc.output())
  t.regex(await readFile(join(folder, 'session-js/index.d.ts'), 'utf8'), /sessions/)

  const [requires = ''] = await printed('js')
  await writeFile(join(folder, 'package.json'), '{"type":"commonjs"}')
  await writeFile(join(folder, 'app.js'), requires + COUNTER)
  const app = startProcess(['app.js'], { cwd: folder })
  t.teardown(() => void app.child.kill('SIGKILL'))
  const [, port = ''] = await app.printed(/port (\d+)/)
  const first = await fetch(`http://127.0.0.1:${port}`)
  t.is(await first.text(), '1')
  const cookie = first.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  t.is(await (await fetch(`http://127.0.0.1:${port}`, { headers: { cookie } })).text(), '2')
})

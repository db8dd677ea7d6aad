import { cp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { projectRoot } from '../../../src/paths.ts'
import { startProcess } from '../../support/processes.ts'
import { folderWithPackages } from '../../support/project.ts'

const ENGINE = join(projectRoot, 'src/session')
const EXPORTED = /^export (?:declare )?(?:abstract |async )?(?:class|interface|type|function\*?|const|let) (\w+)/

// What the examples take for granted; everything else they must define.
const SURROUNDINGS = `
import Koa, { type Context } from 'koa'
import { z } from 'zod'
import { sealedCodec } from './src/session/codec/sealed/sealed.ts'
import { MemoryStore } from './src/session/stores/memory.ts'
import { handle } from './src/session/testing/handle.ts'
import * as engine from './src/session/index.ts'
declare const app: Koa
declare const ctx: Context
declare const session: engine.Session
declare const settings: engine.SessionSettings
declare const accounts: engine.AccountStore
`

test('every exported item of the engine has a docstring', async (t) => {
  const missing: string[] = []
  for (const file of await sources()) {
    const lines = (await readFile(join(ENGINE, file), 'utf8')).split('\n')
    for (const [at, line] of lines.entries()) {
      if (EXPORTED.test(line) && !/\*\/$/.test(lines[at - 1] ?? '')) missing.push(`${file}: ${line}`)
    }
  }
  t.deepEqual(missing, [])
})

test('every public item has an example that compiles', async (t) => {
  const items = await publicItems()
  t.true(items.length > 40)
  const bodies: string[] = []
  for (const { name, file } of items) {
    const example = exampleOf(await readFile(join(ENGINE, file), 'utf8'), name)
    t.true(example?.includes(name) ?? false, `${name} of ${file} has no @example that uses it`)
    bodies.push(`export async function example${name}() {\n${example}\n}`)
  }
  const folder = await folderWithPackages(t, [])
  await cp(ENGINE, join(folder, 'src/session'), { recursive: true })
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'), 'junction')
  const { compilerOptions } = JSON.parse(await readFile(join(projectRoot, 'tsconfig.json'), 'utf8'))
  const names = items.map(({ name, isType }) => (isType ? `type ${name}` : name)).join(', ')
  const imports = `import { ${names} } from './src/session/index.ts'\n`
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['examples.ts'] }))
  await writeFile(join(folder, 'examples.ts'), [SURROUNDINGS + imports, ...bodies].join('\n'))
  const tsc = startProcess([join(projectRoot, 'node_modules/typescript/bin/tsc'), '--noEmit'], { cwd: folder })
  await tsc.ended()
  t.is(tsc.output(), '')
})

async function sources(): Promise<string[]> {
  return (await readdir(ENGINE, { recursive: true })).filter((file) => file.endsWith('.ts'))
}

async function publicItems(): Promise<{ name: string; file: string; isType: boolean }[]> {
  const index = await readFile(join(ENGINE, 'index.ts'), 'utf8')
  return [...index.matchAll(/export (type )?\{([^}]+)\} from '\.\/([^']+)'/g)].flatMap(
    ([, all, names = '', file = '']) =>
      names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '')
        .map((name) => ({
          name: name.replace(/^type /, ''),
          file,
          isType: all !== undefined || name.startsWith('type '),
        })),
  )
}

function exampleOf(source: string, name: string): string | undefined {
  const lines = source.split('\n')
  const at = lines.findIndex((line) => EXPORTED.exec(line)?.[1] === name)
  const start = lines.slice(0, at).findLastIndex((line) => line.startsWith('/**'))
  const comment = lines.slice(start, at - 1)
  const tag = comment.findIndex((line) => line.startsWith(' * @example'))
  if (at === -1 || tag === -1) return undefined
  const rest = comment.slice(tag + 1)
  const end = rest.findIndex((line) => line.startsWith(' * @'))
  return rest
    .slice(0, end === -1 ? undefined : end)
    .map((line) => line.slice(3))
    .join('\n')
}

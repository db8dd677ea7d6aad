import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { projectRoot } from '../../src/paths.ts'

/** Cleans up at the end, such as a test. */
interface Owner {
  teardown(work: () => Promise<void>): void
}

/** A block of code in a document. `file` is what its first line names, as a comment. */
export interface Block {
  readonly language: string
  readonly file: string | undefined
  readonly code: string
}

/** The blocks of code of a document, such as `docs/sessions.md`. */
export async function blocksOf(document: string): Promise<Block[]> {
  const text = await readFile(join(projectRoot, document), 'utf8')
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(([, indent = '', language = '', code = '']) => {
    const lines = code.split('\n').map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    const file = /^(?:\/\/|#|\{#|<!--) ([\w./-]+\.\w+)(?: #\}| -->)?$/.exec(lines[0] ?? '')?.[1]
    return { language, file, code: lines.join('\n') }
  })
}

/** The files that documents print, in one folder, with the engine beside them as `session/` and the packages. */
export async function printedFiles(t: Owner, documents: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-printed-'))
  t.teardown(() => rm(folder, { recursive: true }))
  for (const document of documents) {
    for (const { file, language, code } of await blocksOf(document)) {
      if (language !== 'ts') continue
      if (file === undefined) throw new Error(`A block of ${document} names no file:\n${code}`)
      await mkdir(join(folder, dirname(file)), { recursive: true })
      await writeFile(join(folder, file), code)
    }
  }
  await cp(join(projectRoot, 'src/session'), join(folder, 'session'), { recursive: true })
  await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'), 'junction')
  const { compilerOptions } = JSON.parse(await readFile(join(projectRoot, 'tsconfig.json'), 'utf8'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  return folder
}

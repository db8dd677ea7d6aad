import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const { version } = require('esbuild/package.json')
const folder = fileURLToPath(new URL('../../node_modules/.cache/typescript/', import.meta.url))
mkdirSync(folder, { recursive: true })
// Without the minor version, esbuild leaves out `with { type: 'json' }`.
const TARGET = 'node20.19'

/**
 * Compiles TypeScript for Node 20, with a cache that all processes of a test run share. Every test file is a process, and
 * tsx takes 0.3 s of each, since it also finds files whose extension is missing or wrong.
 */
export async function load(url, context, next) {
  if (!/\.m?ts$/.test(url)) return await next(url, context)
  const path = fileURLToPath(url)
  const source = readFileSync(path)
  // Without the folder, so that copies of the project share the cache.
  const name = basename(path)
  const cached = `${folder}${createHash('sha1').update(version).update(TARGET).update(name).update(source).digest('hex')}.js`
  return { format: 'module', shortCircuit: true, source: read(cached) ?? compile(source, name, cached) }
}

function read(file) {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

function compile(source, name, cached) {
  const { code } = require('esbuild').transformSync(source, {
    loader: 'ts',
    format: 'esm',
    target: TARGET,
    sourcemap: 'inline',
    sourcefile: name,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  })
  // Renamed, so that no other process reads a partial file.
  const partial = `${cached}.${process.pid}`
  writeFileSync(partial, code)
  try {
    renameSync(partial, cached)
  } catch {
    // Windows refuses while another process reads the same file, which it has written then.
    rmSync(partial)
  }
  return code
}

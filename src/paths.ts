import { existsSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of this code: `src/`, or `dist/src/` once it is built. */
export const codeFolder = dirname(fileURLToPath(import.meta.url))

/** The project's folder, for the sources and for `dist/`. */
export const projectRoot = nearestPackage(codeFolder)

/** The extension of modules that are imported by path: `.ts` or `.js`. */
export const codeExtension = extname(import.meta.url)

function nearestPackage(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('No package.json above the program')
  return nearestPackage(parent)
}

/** The folder of a feature: code, styles, translations, seed. */
export function featureFolder(name: string): string {
  return join(codeFolder, 'features', name)
}

import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Finding, ok, warn, wrong } from '../../../src/storage/finding.ts'
import { factsOf, homesOf } from '../../../src/storage/open.ts'
import type { Settings } from './settings.ts'

const OTHERS_WRITE = 0o002
const OTHERS_ANYTHING = 0o077

/** The folder of the file engine: whether it is there, ours to write and nobody else's. Makes nothing. */
export function folderFindings({ config }: Settings): Finding[] {
  const [folder] = homesOf(config).flatMap((home) => factsOf(home, config).folder ?? [])
  if (folder === undefined) return []
  const there = statOf(folder)
  if (there === undefined) return [absentFinding(folder)]
  if (!there.isDirectory()) return [wrong('folder', `"${folder}" is not a folder.`, 'Correct SESSION_FILE_PATH')]
  if (!isWritable(folder)) {
    const user = process.getuid?.() ?? 'the user of the application'
    return [wrong('folder', `"${folder}" cannot be written by this user.`, `chown -R ${user} ${folder}`)]
  }
  const mode = (there.mode & 0o777).toString(8).padStart(4, '0')
  const mend = `chmod 700 ${folder}`
  if ((there.mode & OTHERS_WRITE) !== 0) return [wrong('folder', `Everybody may write in "${folder}" (${mode}).`, mend)]
  if ((there.mode & OTHERS_ANYTHING) !== 0) return [warn('folder', `Others may look into "${folder}" (${mode}).`, mend)]
  return [ok('folder', `"${folder}" is writable, and its owner's alone (${mode}).`)]
}

function absentFinding(folder: string): Finding {
  const parent = nearest(dirname(folder))
  if (statOf(parent)?.isDirectory() && isWritable(parent))
    return ok('folder', `"${folder}" is made at the first start.`)
  return wrong('folder', `"${folder}" is not there and cannot be made.`, `mkdir -p -m 700 ${folder}, and chown it`)
}

function nearest(folder: string): string {
  return statOf(folder) === undefined && dirname(folder) !== folder ? nearest(dirname(folder)) : folder
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Finding, fail, ok, warn } from '../../../src/storage/finding.ts'
import { factsOf, storageConfigs } from '../../../src/storage/open.ts'
import type { Settings } from './settings.ts'

const OTHERS_WRITE = 0o002
const OTHERS_ANYTHING = 0o077

/** Checks whether the folder of the file engine exists and is writable for this user only. Creates nothing. */
export function folderFindings({ config }: Settings): Finding[] {
  const [folder] = storageConfigs(config).flatMap((storage) => factsOf(storage, config).folder ?? [])
  if (folder === undefined) return []
  const stats = statOf(folder)
  if (stats === undefined) return [missingFinding(folder)]
  if (!stats.isDirectory()) return [fail('folder', `"${folder}" is not a folder.`, 'Correct SESSION_FILE_PATH')]
  if (!isWritable(folder)) {
    const user = process.getuid?.() ?? 'the user of the application'
    return [fail('folder', `"${folder}" cannot be written by this user.`, `chown -R ${user} ${folder}`)]
  }
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
  const fix = `chmod 700 ${folder}`
  if ((stats.mode & OTHERS_WRITE) !== 0) return [fail('folder', `Everybody may write to "${folder}" (${mode}).`, fix)]
  if ((stats.mode & OTHERS_ANYTHING) !== 0) return [warn('folder', `Other users may read "${folder}" (${mode}).`, fix)]
  return [ok('folder', `"${folder}" is writable for its owner only (${mode}).`)]
}

function missingFinding(folder: string): Finding {
  const parent = nearestExisting(dirname(folder))
  if (statOf(parent)?.isDirectory() && isWritable(parent))
    return ok('folder', `"${folder}" is created at the first start.`)
  return fail('folder', `"${folder}" does not exist and cannot be created.`, `mkdir -p -m 700 ${folder}, and chown it`)
}

function nearestExisting(folder: string): string {
  return statOf(folder) === undefined && dirname(folder) !== folder ? nearestExisting(dirname(folder)) : folder
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

import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { sqlitePath } from '../../../src/database-address.ts'
import { projectRoot } from '../../../src/paths.ts'
import { DATA_FOLDER, JOURNALS } from '../../../src/private-files.ts'
import { type Finding, ok, warn } from '../../../src/storage/finding.ts'
import type { Settings } from './settings.ts'

const OTHERS_ANYTHING = 0o077

/** Checks whether SQLite databases, their journals and `data/` are for their owner only. */
export function fileFindings({ config }: Settings): Finding[] {
  if (process.platform === 'win32') return []
  const databases = [...new Set([config.databaseUrl, config.session.databaseUrl])].flatMap(databaseFiles)
  const inData = databases.some((file) => dirname(file) === DATA_FOLDER)
  const all = [...(inData ? [DATA_FOLDER] : []), ...databases]
  if (all.length === 0) return []
  const open = all.filter((path) => (statSync(path).mode & OTHERS_ANYTHING) !== 0)
  if (open.length === 0) return [ok('files', 'The database and its journals are for their owner only.')]
  return open.map((path) => warn('files', `Other users may open "${path}" (${modeOf(path)}).`, `chmod go= ${path}`))
}

/** The file of an SQLite database and its journals, where they are; none for another database. */
function databaseFiles(url: string): string[] {
  const path = sqlitePath(url)
  const file = path === undefined || path === ':memory:' ? undefined : resolve(projectRoot, path)
  if (file === undefined || !existsSync(file)) return []
  const place = realpathSync(file)
  return ['', ...JOURNALS].map((suffix) => `${place}${suffix}`).filter((one) => existsSync(one))
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8).padStart(4, '0')
}

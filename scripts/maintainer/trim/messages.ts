import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { filesUnder } from './graph.ts'

const LOCALES = 'src/web/locales'
const PLURAL = /_(zero|one|two|few|many|other)$/

/**
 * Drops the translations of sentences that only deleted files say. Those of a feature are in its folder, but files that
 * several features share have theirs in the application's.
 *
 * @param deleted files that are still there
 */
export function dropMessages(root: string, deleted: ReadonlySet<string>): void {
  const files = [...filesUnder(root, 'src'), ...filesUnder(root, 'views')].filter((file) => !file.endsWith('.json'))
  const read = (of: readonly string[]) => of.map((file) => readFileSync(join(root, file), 'utf8')).join('\n')
  const gone = read(files.filter((file) => deleted.has(file)))
  const left = read(files.filter((file) => !deleted.has(file)))
  for (const file of filesUnder(root, LOCALES).filter((file) => !deleted.has(file))) {
    const messages = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(join(root, file), 'utf8')))
    const kept = Object.entries(messages).filter(([key]) => {
      const literal = key.replace(PLURAL, '').replaceAll("'", "\\'")
      return left.includes(literal) || !gone.includes(literal)
    })
    if (kept.length === Object.keys(messages).length) continue
    writeFileSync(join(root, file), `${JSON.stringify(Object.fromEntries(kept), undefined, 2)}\n`)
  }
}

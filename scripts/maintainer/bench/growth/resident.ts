import { existsSync, readFileSync } from 'node:fs'

/** The resident memory of a process and its children in bytes; 0 where there is no `/proc`. */
export function residentOfTree(pid: number): number {
  const folder = `/proc/${pid}`
  if (!existsSync(folder)) return 0
  try {
    // What processes share, as those of PostgreSQL do, is divided among them.
    const share = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`${folder}/smaps_rollup`, 'utf8'))?.[1] ?? '0'
    const children = readFileSync(`${folder}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return Number(share) * 1024 + children.reduce((sum, child) => sum + residentOfTree(Number(child)), 0)
  } catch {
    // It has ended since.
    return 0
  }
}

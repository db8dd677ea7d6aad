import { randomUUID } from 'node:crypto'
import { cp, rm } from 'node:fs/promises'
import type { EngineSetUps, Restore } from '../set-ups.ts'

async function backUpFiles(folder: string): Promise<Restore> {
  const copy = `${folder}-${randomUUID()}`
  await cp(folder, copy, { recursive: true })
  return async () => {
    await rm(folder, { recursive: true })
    await cp(copy, folder, { recursive: true })
    await rm(copy, { recursive: true })
  }
}

export default {
  local: [{ name: 'file', env: { SESSION_ENGINE: 'file' } }],
  backUp: ({ facts: { folder } }) => (folder === undefined ? undefined : backUpFiles(folder)),
} satisfies EngineSetUps

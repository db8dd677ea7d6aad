import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** Asserts that only the owner can read the folder and its files, and that these files exist. */
export async function isPrivate(t: ExecutionContext, folder: string, among: string[], message: string): Promise<void> {
  const names = await readdir(folder)
  const modeOf = async (name: string) => {
    const stats = await stat(join(folder, name))
    return [stats.isDirectory(), stats.mode & 0o777]
  }
  t.deepEqual(await modeOf('.'), [true, 0o700], message)
  for (const name of await readdir(folder, { recursive: true })) {
    const [isFolder, mode] = await modeOf(name)
    t.is(mode, isFolder ? 0o700 : 0o600, `${message}: ${name}`)
  }
  t.deepEqual(
    among.filter((name) => !names.includes(name)),
    [],
    message,
  )
}

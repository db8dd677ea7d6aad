import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Owner } from '../../support/project.ts'
import { newFolder } from './backends.ts'

const run = promisify(execFile)

/** A folder on a disk of so many megabytes; undefined without the right to mount one. */
export async function smallDisk(owner: Owner, megabytes: number): Promise<string | undefined> {
  const folder = await newFolder(owner)
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=777`, 'tmpfs', folder])
  } catch {
    return undefined
  }
  owner.teardown(async () => void (await run('umount', ['-l', folder])))
  return folder
}

/** Writes a file that takes what is left of a small disk. */
export async function fillDisk(folder: string): Promise<string> {
  const file = join(folder, 'ballast')
  for (let kilobytes = 64 * 1024; kilobytes >= 1; kilobytes /= 2) {
    await writeFile(file, Buffer.alloc(kilobytes * 1024), { flag: 'a' }).catch(() => {})
  }
  return file
}

/** Lets a process open only so many files more than it has now; returns what undoes it. */
export async function limitDescriptors(pid: number, more: number): Promise<() => Promise<void>> {
  const { stdout } = await run('prlimit', ['--pid', String(pid), '--nofile', '--output=SOFT', '--noheadings'])
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  // A new file gets the lowest number; some that were inherited are far above.
  let lowest = 0
  while (open.has(lowest)) lowest++
  const set = async (soft: string) => void (await run('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]))
  await set(String(lowest + more))
  return async () => await set(stdout.trim())
}

/** Opens connections that say nothing; returns what closes them. */
export function holdConnections(port: number, count: number): () => void {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}))
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

import { hash, randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { lstat, readlink, symlink, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { codeOf } from '../../core/error-codes.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { KeyedQueue } from '../../core/queue.ts'
import { retry } from '../../core/retry.ts'

/** Milliseconds after which a lock is stale, whoever holds it. */
export const STALE_AFTER = 5000
// Shorter than that: a holder stops acting before anybody else may begin.
const HOLD_AT_MOST = 4000
// Longer than that: whoever waits outlives the lock of a killed process.
const GIVE_UP_AFTER = 6000

// A process id means nothing on another host, nor in another container that shares the host's name. Hashed, because
// the text of a short link needs no block of its own on a disk that is full.
const PLACE = hash('sha256', `${hostname()}\0${processNamespace()}`, 'base64url').slice(0, 8)
const HOLDER = /^(?<place>[\w-]{8})\.(?<pid>[1-9]\d*)\.[\w-]{16}$/
const queue = new KeyedQueue<unknown>()

/**
 * Runs `work` while no other process, and nothing else in this one, runs any under the same path.
 *
 * The lock is a symbolic link, never followed, whose text names the holder: unlike a file it is made in one step with
 * its text, and on a full disk too. The lock of a dead process on this host, or one older than 5 s, is taken over;
 * hosts that share a folder need clocks that agree to a second.
 *
 * @param work is given `confirm`, to call right before the step that cannot be undone
 * @throws StoreUnavailableError when the lock is held for 6 s, or was lost meanwhile; whatever `work` throws
 */
export async function withFileLock<T>(path: string, work: (confirm: () => Promise<void>) => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + GIVE_UP_AFTER
  // The result of the turn before is of no interest here.
  return (await queue.run(path, async () => {
    const text = await take(path, giveUpAt)
    const heldUntil = performance.now() + HOLD_AT_MOST
    const holds = async () => performance.now() < heldUntil && (await textOf(path)) === text
    try {
      return await work(async () => {
        if (!(await holds())) throw new StoreUnavailableError(new Error(`A lock in ${dirname(path)} was lost`))
      })
    } finally {
      // What cannot be released goes stale.
      if (await holds().catch(() => false)) await unlink(path).catch(() => {})
    }
  })) as T
}

/** Removes a lock that nobody alive can hold; answers whether the way is free. */
export async function removeStaleLock(path: string): Promise<boolean> {
  const text = await textOf(path)
  if (text === undefined) return true
  if (!(await isStale(path, text))) return false
  // One at a time, and each looks again: two who judged the same lock must not remove the next holder's.
  const guard = `${path}.taking`
  if ((await tryLink(guard)) === undefined) {
    if (await isStale(guard, await textOf(guard))) await removeIfThere(guard)
    return false
  }
  try {
    if ((await textOf(path)) === text) await removeIfThere(path)
    return true
  } finally {
    await removeIfThere(guard)
  }
}

/** Removes a file that may be gone already. */
export async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
}

/** Milliseconds between now and the last change of the file itself; undefined where none is. */
export async function ageOf(path: string): Promise<number | undefined> {
  try {
    // Either way: after a step back of the clock a file may come from the future.
    return Math.abs(Date.now() - (await lstat(path)).mtimeMs)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function take(path: string, giveUpAt: number): Promise<string> {
  return await retry(async () => {
    const text = await tryLink(path)
    if (text !== undefined || (await removeStaleLock(path)) || performance.now() < giveUpAt) return text
    throw new StoreUnavailableError(new Error(`A lock in ${dirname(path)} is held by another process`))
  }, Number.POSITIVE_INFINITY)
}

async function tryLink(path: string): Promise<string | undefined> {
  const text = `${PLACE}.${process.pid}.${randomBytes(12).toString('base64url')}`
  try {
    await symlink(text, path)
    return text
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    // Something else stands in its place; it can only grow old.
    if (codeOf(error) === 'EINVAL') return ''
    throw error
  }
}

async function isStale(path: string, text = ''): Promise<boolean> {
  const { place, pid } = HOLDER.exec(text)?.groups ?? {}
  if (place === PLACE && !isAlive(Number(pid))) return true
  return ((await ageOf(path)) ?? 0) > STALE_AFTER
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

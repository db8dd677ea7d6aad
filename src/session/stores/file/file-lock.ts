import { hash, randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { lstat, readlink, symlink, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { codeOf } from '../../core/error-codes.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { KeyedQueue } from '../../core/queue.ts'
import { retry } from '../../core/retry.ts'

/** Milliseconds after which a lock is stale, even if its holder is alive. */
export const STALE_AFTER_MS = 5000
// Shorter: a holder stops before another process may take the lock.
const MAX_HOLD_MS = 4000
// Longer: waiting processes outlast the lock of a killed one.
const LOCK_TIMEOUT_MS = 6000

// A process id is only valid on one host and in one container. Hashed, because the text of a short link needs no disk
// block, so that locks work on a full disk.
const HOST_ID = hash('sha256', `${hostname()}\0${processNamespace()}`, 'base64url').slice(0, 8)
const LOCK_TEXT = /^(?<place>[\w-]{8})\.(?<pid>[1-9]\d*)\.[\w-]{16}$/
const queue = new KeyedQueue<unknown>()

/**
 * Runs `work` with an exclusive lock, between processes and within this one.
 *
 * The lock is a symbolic link, never followed, whose text identifies the holder: unlike a file it is created in one step
 * with its text, even on a full disk. The lock of a dead process on this host, or one older than 5 seconds, is removed.
 * Hosts that share a folder need clocks that agree within a second.
 *
 * @param work gets `confirm`, to be called right before the step that cannot be undone
 * @throws StoreUnavailableError if the lock is not free within 6 seconds or was lost meanwhile; any error of `work`
 */
export async function withFileLock<T>(path: string, work: (confirm: () => Promise<void>) => Promise<T>): Promise<T> {
  const deadline = performance.now() + LOCK_TIMEOUT_MS
  // The result of the previous work is not needed.
  return (await queue.run(path, async () => {
    const text = await take(path, deadline)
    const heldUntil = performance.now() + MAX_HOLD_MS
    const holds = async () => performance.now() < heldUntil && (await textOf(path)) === text
    try {
      return await work(async () => {
        if (!(await holds())) throw new StoreUnavailableError(new Error(`A lock in ${dirname(path)} was lost`))
      })
    } finally {
      // A lock that cannot be released becomes stale.
      if (await holds().catch(() => false)) await unlink(path).catch(() => {})
    }
  })) as T
}

/** Removes a lock if it is stale; returns whether it is free. */
export async function removeStaleLock(path: string): Promise<boolean> {
  const text = await textOf(path)
  if (text === undefined) return true
  if (!(await isStale(path, text))) return false
  // One process at a time, which checks again: two that found the same stale lock must not remove the next holder's.
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

/** Removes a file if it exists. */
export async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
}

/** Milliseconds since the last change of a file or link itself; undefined if there is none. */
export async function ageOf(path: string): Promise<number | undefined> {
  try {
    // Absolute: after the clock was set back, a file may be from the future.
    return Math.abs(Date.now() - (await lstat(path)).mtimeMs)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function take(path: string, deadline: number): Promise<string> {
  return await retry(async () => {
    const text = await tryLink(path)
    if (text !== undefined || (await removeStaleLock(path)) || performance.now() < deadline) return text
    throw new StoreUnavailableError(new Error(`A lock in ${dirname(path)} is held by another process`))
  }, Number.POSITIVE_INFINITY)
}

async function tryLink(path: string): Promise<string | undefined> {
  const text = `${HOST_ID}.${process.pid}.${randomBytes(12).toString('base64url')}`
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
    // Not a link: it can only become stale by age.
    if (codeOf(error) === 'EINVAL') return ''
    throw error
  }
}

async function isStale(path: string, text = ''): Promise<boolean> {
  const { place, pid } = LOCK_TEXT.exec(text)?.groups ?? {}
  if (place === HOST_ID && !isAlive(Number(pid))) return true
  return ((await ageOf(path)) ?? 0) > STALE_AFTER_MS
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

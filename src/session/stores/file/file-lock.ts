import { lstat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../../core/error-codes.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { KeyedQueue } from '../../core/queue.ts'
import { readlink, symlink, unlink } from './file-calls.ts'
import { holderText, isHolderAlive } from './lock-holder.ts'

/** Milliseconds after which a lock is stale whose holder is not a process of this machine or container. */
const STALE_AFTER_MS = 5000
// With longer waits a process that takes a lock again and again would nearly always be first.
const MAX_POLL_MS = 5
const MAX_KEPT_MS = 20

const queue = new KeyedQueue<unknown>()
const kept = new Map<string, { readonly text: string; readonly timer: NodeJS.Timeout }>()

/**
 * Runs `work` with an exclusive lock, between processes and within this one.
 *
 * The lock is a symbolic link, never followed, whose text identifies the holder: unlike a file it is created in one step
 * with its text, even on a full disk. Only the lock of a dead process is removed: of one that is alive but slow or frozen
 * it stays, however old it is (where there is no /proc: for 5 seconds). Machines or containers that share a folder are
 * not supported: they cannot see each other's processes, so a lock from elsewhere is removed after 5 seconds.
 *
 * @param timeout milliseconds to wait for the lock
 * @param work gets `confirm`, to be called right before the step that cannot be undone
 * @param comesBack whether this result makes the caller read and try again: its process then keeps the lock for at most
 *   20 ms, as it would otherwise lose against a busy one again
 * @throws StoreUnavailableError if the lock is not free in time or was lost meanwhile; any error of `work`
 */
export async function withFileLock<T>(
  path: string,
  timeout: number,
  work: (confirm: () => Promise<void>) => Promise<T>,
  comesBack: (result: T) => boolean = () => false,
): Promise<T> {
  const deadline = performance.now() + timeout
  // The result of the previous work is not needed.
  return (await queue.run(path, async () => {
    const own = takeKept(path)
    const text = own ?? (await take(path, deadline))
    const holds = async () => (await textOf(path)) === text
    // A lock that cannot be released stays until this process ends; where there is no /proc, for 5 seconds.
    const release = async () => {
      if (await holds().catch(() => false)) await unlink(path).catch(() => {})
    }
    let isKept = false
    try {
      const result = await work(async () => {
        if (!(await holds())) throw new StoreUnavailableError(new Error(`A lock in ${dirname(path)} was lost`))
      })
      // Once only: others wait for it.
      isKept = own === undefined && comesBack(result)
      return result
    } finally {
      if (isKept) keep(path, text, release)
      else await release()
    }
  })) as T
}

function keep(path: string, text: string, release: () => Promise<void>): void {
  // Not unref'd: a process should not end with a lock.
  const timer = setTimeout(() => {
    kept.delete(path)
    void release()
  }, MAX_KEPT_MS)
  kept.set(path, { text, timer })
}

function takeKept(path: string): string | undefined {
  const found = kept.get(path)
  clearTimeout(found?.timer)
  kept.delete(path)
  return found?.text
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
  for (;;) {
    const text = await tryLink(path)
    if (text !== undefined) return text
    if (await removeStaleLock(path)) continue
    if (performance.now() >= deadline) {
      throw new StoreUnavailableError(new Error(`A lock in ${dirname(path)} is held by another process`))
    }
    // Random, so that processes do not stay in step.
    await sleep(Math.random() * MAX_POLL_MS)
  }
}

async function tryLink(path: string): Promise<string | undefined> {
  const text = holderText()
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
    // Not a link: nobody's lock, stale by its age.
    if (codeOf(error) === 'EINVAL') return ''
    throw error
  }
}

async function isStale(path: string, text = ''): Promise<boolean> {
  const alive = await isHolderAlive(text)
  return alive === undefined ? ((await ageOf(path)) ?? 0) > STALE_AFTER_MS : !alive
}

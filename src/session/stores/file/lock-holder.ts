import { hash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { codeOf } from '../../core/error-codes.ts'
import { smallRandom } from '../../core/random.ts'

// Where a process id is valid: one start of one system, in one container. Hashed, because the text of a short link needs
// no disk block, so that locks work on a full disk.
const PLACE = hash('sha256', `${bootId()}\0${processNamespace()}`, 'base64url').slice(0, 8)
const HOLDER = /^(?<place>[\w-]{8})\.(?<pid>[1-9]\d*)\.(?<started>\d*)\.[\w-]{16}$/
const GONE_OR_HIDDEN = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])
const STARTED = startOf(readStatus('self'))

/** The text of a new lock: it identifies this process, even after its process id was given to another, and is unique. */
export function holderText(): string {
  return `${PLACE}.${process.pid}.${STARTED}.${smallRandom(12).toString('base64url')}`
}

/**
 * Returns whether the holder of a lock is alive; undefined if that cannot be known here, because the lock was made on
 * another machine, in another container, or before this machine was started, or because there is no /proc (macOS,
 * Windows): a process with this id may be another one.
 *
 * @throws the error of the system if this process cannot read anything now, as without free descriptors
 */
export async function isHolderAlive(text: string): Promise<boolean | undefined> {
  const { place, pid, started } = HOLDER.exec(text)?.groups ?? {}
  if (place !== PLACE || pid === undefined) return undefined
  const status = STARTED === '' ? undefined : await statusOf(pid)
  // Hidden from other users, or gone.
  if (status === undefined) return exists(Number(pid)) ? undefined : false
  return !isZombie(status) && startOf(status) === started
}

async function statusOf(pid: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    if (GONE_OR_HIDDEN.has(codeOf(error) ?? '')) return undefined
    throw error
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

/** What follows the name of the program, which may contain spaces and brackets: state, parent, … (proc(5)). */
function fieldsOf(status: string): string[] {
  return status.slice(status.lastIndexOf(')') + 2).split(' ')
}

function isZombie(status: string): boolean {
  return ['Z', 'X'].includes(fieldsOf(status)[0] ?? '')
}

/** When a process was started, in ticks since the system was; '' if that is unknown. */
function startOf(status: string): string {
  return fieldsOf(status)[19] ?? ''
}

function readStatus(pid: string): string {
  return readOr('', () => readFileSync(`/proc/${pid}/stat`, 'latin1'))
}

function bootId(): string {
  return readOr(hostname(), () => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim())
}

function processNamespace(): string {
  return readOr('', () => readlinkSync('/proc/self/ns/pid'))
}

function readOr(fallback: string, read: () => string): string {
  try {
    return read()
  } catch {
    return fallback
  }
}

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** CPU time since the start of the machine and of the processes, in milliseconds. */
export interface CpuTimes {
  readonly at: number
  /** All work of the machine; time that the hypervisor gave to other machines is included. */
  readonly busy: number
  /** The work of this process, of what it has started, and of the kernel's threads. */
  readonly ours: number
}

/** Above this share of one core other work spoils a measurement. */
export const MAX_OTHER_SHARE = 0.05

// Both counters advance in steps of 10 ms, once for each core.
const RESOLUTION_MS = 30
// USER_HZ, which Linux has fixed at 100 for programs.
const TICK_MS = 10
const KERNEL_THREADS = 2

/** One process: its time includes that of the children it has waited for. */
export interface ProcessTime {
  readonly pid: number
  readonly parent: number
  readonly milliseconds: number
}

/** The result of some work, and how much else the machine did. */
export interface Watched<T> {
  readonly result: T
  /** The share of one core that other work took meanwhile. */
  readonly other: number
  readonly clean: boolean
}

/** @throws Error if the work does */
export async function watch<T>(work: () => Promise<T>): Promise<Watched<T>> {
  const before = readCpuTimes()
  const result = await work()
  return { result, ...otherWork(before, readCpuTimes()) }
}

/** How much else the machine did between two readings. */
export function otherWork(before: CpuTimes, after: CpuTimes): { other: number; clean: boolean } {
  const elapsed = Math.max(1, after.at - before.at)
  const milliseconds = Math.max(0, after.busy - before.busy - (after.ours - before.ours))
  return {
    other: milliseconds / elapsed,
    clean: milliseconds <= Math.max(RESOLUTION_MS, MAX_OTHER_SHARE * elapsed),
  }
}

function readCpuTimes(): CpuTimes {
  const at = performance.now()
  if (existsSync('/proc/stat')) {
    return { at, busy: busyOf(readFileSync('/proc/stat', 'utf8')), ours: timeOfTree(fromProc(), process.pid) }
  }
  const busy = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0)
  const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,time='], { encoding: 'utf8' })
  return { at, busy, ours: timeOfTree(fromPs(list), process.pid) }
}

/**
 * The first line of `/proc/stat`: user, nice, system and stolen time. Interrupts are left out: whether a process is
 * charged for those it caused depends on the kernel's configuration.
 */
export function busyOf(stat: string): number {
  const [, user = 0, nice = 0, system = 0, , , , , stolen = 0] = (stat.split('\n', 1)[0] ?? '').split(/\s+/).map(Number)
  return (user + nice + system + stolen) * TICK_MS
}

/** The time of a process, its descendants and the kernel's threads, which write to disk for others. */
export function timeOfTree(processes: readonly ProcessTime[], root: number): number {
  return timeBelow(processes, [root, KERNEL_THREADS])
}

function timeBelow(processes: readonly ProcessTime[], roots: readonly number[]): number {
  const children = new Map<number, ProcessTime[]>()
  for (const one of processes) children.set(one.parent, [...(children.get(one.parent) ?? []), one])
  const timeOf = ({ pid, milliseconds }: ProcessTime): number =>
    (children.get(pid) ?? []).reduce((sum, child) => sum + timeOf(child), milliseconds)
  return processes.filter(({ pid }) => roots.includes(pid)).reduce((sum, one) => sum + timeOf(one), 0)
}

/** The time of a process and its descendants so far; 0 where there is no `/proc`. */
export function cpuOfProcess(pid: number): number {
  return existsSync('/proc/stat') ? timeBelow(fromProc(), [pid]) : 0
}

function fromProc(): ProcessTime[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      return [parseProcStat(readFileSync(`/proc/${name}/stat`, 'utf8'))]
    } catch {
      // It has ended since.
      return []
    }
  })
}

/** `/proc/<pid>/stat`; the name of the program in its parentheses may contain anything. */
export function parseProcStat(line: string): ProcessTime {
  const fields = line
    .slice(line.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [, parent = 0] = fields
  // utime, stime, cutime and cstime, counted from the state, which is the third field.
  const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0)
  return { pid: Number.parseInt(line, 10), parent, milliseconds: ticks * TICK_MS }
}

/** Lines of `ps -o pid=,ppid=,time=`: the time is `[[days-]hours:]minutes:seconds`. */
export function fromPs(list: string): ProcessTime[] {
  return list.split('\n').flatMap((line) => {
    const [, pid, parent, days = '0', time] = /^\s*(\d+)\s+(\d+)\s+(?:(\d+)-)?([\d:.]+)\s*$/.exec(line) ?? []
    if (time === undefined) return []
    const seconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
    return [{ pid: Number(pid), parent: Number(parent), milliseconds: (Number(days) * 86_400 + seconds) * 1000 }]
  })
}

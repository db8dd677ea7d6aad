import { execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The first of these programs on PATH or in these folders. */
export function findProgram(names, folders = []) {
  const places = [...(process.env.PATH ?? '').split(delimiter), ...folders]
  return names.flatMap((name) => places.map((place) => join(place, name))).find((file) => existsSync(file))
}

/** The folders `parent/<version>/below`, the latest version first. */
export function versionFolders(parent, below) {
  if (!existsSync(parent)) return []
  return readdirSync(parent)
    .map((version) => join(parent, version, below))
    .reverse()
}

// Below the ports that systems give to outgoing connections: one of those could take it before the server does.
const PORTS = { first: 10_000, end: 32_000 }

/** A port of this machine on which nothing listens, for a server that cannot choose one itself. */
export async function freePort() {
  for (;;) {
    const port = randomInt(PORTS.first, PORTS.end)
    const server = createServer()
    const isFree = await new Promise((resolve) =>
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)),
    )
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

/** Waits until something listens on the port. */
export async function whenListening(port, child, timeoutMs = 60_000) {
  const end = Date.now() + timeoutMs
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const up = await new Promise((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (up) return
    await sleep(50)
  }
  throw new Error('it did not listen in time')
}

/** Starts a server; the caller must stop it. */
export function startServer(program, args, options = {}) {
  return spawn(program, args, { stdio: 'ignore', ...options })
}

export async function stopServer(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await Promise.race([ended, sleep(5000).then(() => child.kill('SIGKILL'))])
}

/** Suspends a server until it gets SIGCONT. Waits, because after the signal its threads answer for a moment longer. */
export async function suspendServer(child) {
  child.kill('SIGSTOP')
  while (!isSuspended(child.pid)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended')
    await sleep(5)
  }
}

function isSuspended(pid) {
  // A small image of Linux has no ps.
  if (process.platform === 'linux') return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') T ')
  return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('T')
}

/** The numeric ids of a user of this machine. */
export function idsOf(user) {
  const id = (flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

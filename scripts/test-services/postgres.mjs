import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { findProgram, idsOf, startServer, versionFolders, whenListening } from './processes.mjs'

const isRoot = process.getuid?.() === 0
const LOCAL = '127.0.0.1'

export function findPostgres() {
  return findProgram(['postgres'], versionFolders('/usr/lib/postgresql', 'bin'))
}

/** Makes an empty database cluster in a new folder, and returns how to start it on a port, again and again. */
export function preparePostgres(program, data) {
  // PostgreSQL refuses to run as root.
  const owner = isRoot ? idsOf('postgres') : {}
  mkdirSync(data)
  if (isRoot) for (const folder of [dirname(data), data]) chownSync(folder, owner.uid, owner.gid)
  const initdb = findProgram(['initdb'], versionFolders('/usr/lib/postgresql', 'bin'))
  execFileSync(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], {
    ...owner,
    cwd: data,
    stdio: 'ignore',
  })
  return async (port, settings = []) => {
    const common = ['fsync=off', 'max_connections=200', `unix_socket_directories=${data}`]
    const args = [...common, ...settings].flatMap((setting) => ['-c', setting])
    const child = startServer(program, ['-D', data, '-p', String(port), '-h', LOCAL, ...args], { ...owner, cwd: data })
    await whenListening(port, child)
    return { url: `postgres://postgres@${LOCAL}:${port}/postgres`, child }
  }
}

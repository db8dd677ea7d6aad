import { once } from 'node:events'
import fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import sqlite3 from 'sqlite3'
import { CANDIDATES } from '../../scripts/maintainer/bench/candidates.ts'
import type { Floor } from '../../scripts/maintainer/bench/floors.ts'
import { beginSessions, post, stateOf } from '../../scripts/maintainer/bench/visitors.ts'
import { TEST_SECRET } from '../support/secret.ts'

const steps: string[] = []
const { fsync, rename } = fs
// Before the floors are imported, which promisify them.
Object.assign(fs, {
  fsync(file: number, done: fs.NoParamCallback) {
    steps.push(fs.fstatSync(file).isDirectory() ? 'sync folder' : 'sync file')
    fsync(file, done)
  },
  rename(from: string, to: string, done: fs.NoParamCallback) {
    steps.push('rename')
    rename(from, to, done)
  },
})
const { FLOORS } = await import('../../scripts/maintainer/bench/floors.ts')
const { file } = await import('../../scripts/maintainer/bench/floors/stored.ts')
const { floor } = await import('../../scripts/maintainer/bench/pages.ts')

/** Its pages, with a folder and a Redis of its own. */
async function site(t: ExecutionContext, medium: Floor) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-floor-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const commands: string[] = []
  const values = new Map<string, string>()
  const redis = fakeRedis(commands, values)
  const url = `redis://127.0.0.1:${await portOf(redis)}`
  const server = createServer(floor(medium, { secret: TEST_SECRET, folder, url }).callback())
  const origin = `http://127.0.0.1:${await portOf(server)}`
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
    redis.close()
  })
  return { origin, folder, commands, values }
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** What the floors use of Redis; the process could not end while a client is connected to a real one. */
function fakeRedis(commands: string[], values: Map<string, string>): Server {
  const sockets = new Set<Socket>()
  const answer = ([name = '', ...args]: string[]) => {
    commands.push(name)
    const [key = '', value = ''] = name === 'EVAL' ? args.slice(2) : args
    const found = values.get(key)
    if (name === 'GET') return found === undefined ? '$-1\r\n' : `$${found.length}\r\n${found}\r\n`
    values.set(key, value)
    return name === 'EVAL' ? ':1\r\n' : '+OK\r\n'
  }
  const server = createTcpServer((socket) => {
    sockets.add(socket.setEncoding('latin1'))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      for (let command = parsed(text); command !== undefined; command = parsed(text)) {
        text = text.slice(command.length)
        socket.write(answer(command.args), 'latin1')
      }
    })
  })
  const close = server.close.bind(server)
  server.close = (done) => {
    for (const socket of sockets) socket.destroy()
    return close(done)
  }
  return server
}

/** The first command, if it is complete. */
function parsed(text: string): { args: string[]; length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text)
  if (head === null) return undefined
  const args: string[] = []
  let at = head[0].length
  while (args.length < Number(head[1])) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at))
    if (size === null) return undefined
    const start = at + size[0].length
    at = start + Number(size[1]) + 2
    if (text.length < at) return undefined
    args.push(text.slice(start, at - 2))
  }
  return { args, length: at }
}

for (const medium of FLOORS) {
  test.serial(`${medium}: sessions are there for the next request, with all changes`, async (t) => {
    const { origin } = await site(t, medium)
    const [visitor = { cookie: '' }, other = { cookie: '' }] = await beginSessions(origin, 2)
    for (let change = 0; change < 2; change++) t.is((await post(origin, 'change', visitor)).status, 200)
    t.is((await stateOf(origin, visitor))?.changes, 2)
    t.is((await stateOf(origin, other))?.changes, 0)
  })
}

test.serial('cached: a read asks Redis alone, a change writes the row as well', async (t) => {
  const { origin, folder, commands, values } = await site(t, 'cached')
  const [visitor = { cookie: '' }] = await beginSessions(origin, 1)
  const version = () =>
    new Promise<unknown>((resolve, reject) => {
      const database = new sqlite3.Database(join(folder, 'floor.sqlite3'))
      database.get('SELECT version FROM floor', (error, row) => (error === null ? resolve(row) : reject(error)))
      database.close()
    })
  t.deepEqual(commands.splice(0), ['SET'])
  t.deepEqual(await version(), { version: 1 })
  await post(origin, 'read', visitor)
  t.deepEqual(commands.splice(0), ['GET'])
  await post(origin, 'change', visitor)
  t.deepEqual(commands.splice(0), ['GET', 'SET'])
  t.deepEqual(await version(), { version: 2 })
  values.clear()
  t.is((await stateOf(origin, visitor))?.changes, 1, 'the row is read if there is no copy')
})

test.serial('file: a change is on the disk before it takes effect, and its name after it', async (t) => {
  const { origin } = await site(t, 'file')
  const [visitor = { cookie: '' }] = await beginSessions(origin, 1)
  steps.length = 0
  await post(origin, 'change', visitor)
  t.deepEqual(steps, ['sync file', 'rename', 'sync folder'])
  await post(origin, 'read', visitor)
  t.is(steps.length, 3)
})

test('file: a session that could not be read whole is not written', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-floor-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { load, save } = file({ secret: TEST_SECRET, folder })
  const largest = 'x'.repeat(4000 - 28)
  t.is(await load(await save(undefined, largest)), largest)
  await t.throwsAsync(async () => save(undefined, `${largest}x`), { message: /at most 4000 bytes/ })
})

test('an engine is compared with a floor on the same media', (t) => {
  for (const [name, { floor, needs = [], settings = {} }] of Object.entries(CANDIDATES)) {
    // Its other strategies read and write in other places.
    const isCached = settings['SESSION_ENGINE'] === 'cached_db'
    if (isCached) t.is(floor, name === 'cached_db' ? 'floor-cached' : undefined, name)
    if (floor === undefined) continue
    t.deepEqual(CANDIDATES[floor]?.needs ?? [], needs, name)
    t.is(floor === 'floor-cached', isCached, name)
  }
})

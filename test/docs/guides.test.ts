import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import Koa, { type Context } from 'koa'
import { projectRoot } from '../../src/paths.ts'
import { type Engine, type SessionSettings, sessions, signIn, signOut } from '../../src/session/index.ts'
import { blocksOf, printedFiles } from '../support/blocks.ts'
import { testEngine } from '../support/engine.ts'
import { startProcess } from '../support/processes.ts'

const DOCUMENTS = ['docs/coming-from-koa-session.md', 'docs/sockets-streams-and-jobs.md', 'docs/copying-the-engine.md']

test('every file that the guides print compiles', async (t) => {
  const folder = await printedFiles(
    t,
    DOCUMENTS.filter((document) => existsSync(join(projectRoot, document))),
  )
  // Its block names no file, and imports the engine from the top of the project.
  const [readme] = (await blocksOf('README.md')).filter(({ language }) => language === 'ts')
  if (readme !== undefined) await writeFile(join(folder, 'readme.ts'), readme.code.replace('./src/', './'))
  const tsc = startProcess([join(projectRoot, 'node_modules/typescript/bin/tsc'), '--noEmit'], { cwd: folder })
  await tsc.ended()
  t.is(tsc.output(), '')
})

interface Printed {
  upgrade(
    settings: SessionSettings,
    origin: string,
    open: (request: IncomingMessage, socket: Duplex) => Duplex,
  ): (request: IncomingMessage, socket: Duplex) => Promise<void>
  clock(settings: SessionSettings, everyMs: number): (ctx: Context) => Promise<void>
  runJob(engine: Engine, job: { userId: string; report: string }, work: () => Promise<void>): Promise<boolean>
}

test('the socket, the stream and the job of the guide do what it says', async (t) => {
  const folder = await printedFiles(t, ['docs/sockets-streams-and-jobs.md'])
  const printed = async (name: string) => (await import(pathToFileURL(join(folder, name)).href)) as Printed
  const [{ upgrade }, { clock }, { runJob }] = [
    await printed('socket.ts'),
    await printed('stream.ts'),
    await printed('job.ts'),
  ]
  const { engine, expiry } = testEngine({ clock: { now: Date.now() } })
  const cookie = { name: 'sid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
  const settings = { engine, cookie, expiry }
  const app = new Koa()
  app.use(sessions(settings))
  app.use(async (ctx) => {
    if (ctx.path === '/clock') return await clock(settings, 5)(ctx)
    const session = await ctx.session()
    if (ctx.path === '/in') await signIn(session, 'ada')
    if (ctx.path === '/out') await signOut(session)
    ctx.body = JSON.stringify(Object.fromEntries(session.entries()))
  })
  app.silent = true
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const origin = `http://127.0.0.1:${port}`
  const open = (_request: IncomingMessage, socket: Duplex) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n')
    return socket
  }
  server.on('upgrade', upgrade(settings, origin, open))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })

  const signedIn = async () => {
    const [header = ''] = (await fetch(`${origin}/in`)).headers.getSetCookie()
    return header.split(';')[0] ?? ''
  }
  const dial = async (visitor: string, from = origin) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: lines\r\nOrigin: ${from}\r\n`)
    socket.write(`Cookie: ${visitor}\r\n\r\n`)
    return { socket, first: await said(socket) }
  }
  const ada = await signedIn()
  t.regex((await dial('')).first, /^HTTP\/1\.1 401 /)
  t.regex((await dial(ada, 'https://evil.example')).first, /^HTTP\/1\.1 403 /)
  const { socket, first } = await dial(ada)
  t.regex(first, /^HTTP\/1\.1 101 /)
  socket.write('hello')
  t.is(await said(socket), 'ada 1: hello')
  t.is(JSON.parse(await (await fetch(origin, { headers: { cookie: ada } })).text()).messages, 1)

  t.is((await fetch(`${origin}/clock`)).status, 401)
  const stream = await fetch(`${origin}/clock`, { headers: { cookie: ada } })
  const events = stream.body?.getReader()
  t.regex(new TextDecoder().decode((await events?.read())?.value), /^data: \d{4}-/)
  t.true(await runJob(engine, { userId: 'ada', report: 'r' }, async () => {}))

  await fetch(`${origin}/out`, { headers: { cookie: ada } })
  for (let read = await events?.read(); read?.done === false; ) read = await events?.read()
  socket.write('still here?')
  t.is(await said(socket), 'signed out\n')
  t.false(await runJob(engine, { userId: 'ada', report: 'r' }, async () => t.fail()))
})

async function said(socket: Socket): Promise<string> {
  const [data] = (await once(socket, 'data')) as [Buffer]
  return data.toString()
}

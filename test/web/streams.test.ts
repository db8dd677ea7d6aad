import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, type Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { createGunzip } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import type { Context } from 'koa'
import pino from 'pino'
import { createApp } from '../../src/app.ts'
import { startApp } from '../support/app.ts'

/** The whole application with one more page, and what a client gets of it, headers first. */
async function page(t: ExecutionContext, path: string, handler: (ctx: Context) => void | Promise<void>) {
  t.timeout(20_000)
  const { services, close } = await startApp()
  const failed = new EventEmitter()
  const log = pino({ level: 'error' }, { write: (line: string) => void failed.emit('line', line) })
  const app = await createApp({ ...services, log })
  app.use(async (ctx, next) => await (ctx.path === path ? handler(ctx) : next()))
  const server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    server.closeAllConnections()
    await close()
  })
  const { port } = server.address() as AddressInfo
  return {
    failed,
    async get(headers: Record<string, string> = {}): Promise<IncomingMessage> {
      const sent = request({ port, path, headers: { 'accept-encoding': 'gzip, br', ...headers } }).end()
      const [response] = (await once(sent, 'response')) as [IncomingMessage]
      return response
    },
  }
}

async function nextPiece(stream: Readable): Promise<string> {
  const [piece]: unknown[] = await once(stream, 'data')
  return String(piece)
}

test('server-sent events: headers, then each event, arrive before the next one is written', async (t) => {
  const events = new PassThrough()
  const { get } = await page(t, '/events', (ctx) => {
    ctx.type = 'text/event-stream'
    ctx.set('Cache-Control', 'no-cache')
    ctx.body = events
  })
  const response = await get()
  t.is(response.headers['content-encoding'], undefined)
  t.is(response.headers['cache-control'], 'no-cache')
  t.is(response.headers['x-accel-buffering'], 'no')
  t.is(response.headers['etag'], undefined)
  for (const event of ['data: first\n\n', `data: ${'long '.repeat(1000)}\n\n`]) {
    events.write(event)
    t.is(await nextPiece(response), event)
  }
  events.end()
  await once(response.resume(), 'end')
})

test('server-sent events of a page that has used the session have its cookie', async (t) => {
  const events = new PassThrough()
  const { get } = await page(t, '/events', async (ctx) => {
    ;(await ctx.session()).set('seen', true)
    ctx.type = 'text/event-stream'
    ctx.body = events
  })
  const response = await get()
  t.regex(response.headers['set-cookie']?.[0] ?? '', /^sessionid=[\w-]+;/)
  t.is(response.headers['cache-control'], 'private, no-store')
  events.end('data: 1\n\n')
  t.is(await nextPiece(response), 'data: 1\n\n')
})

test('data that a page writes to ctx.res are sent unchanged', async (t) => {
  const { get } = await page(t, '/events', (ctx) => {
    ctx.respond = false
    ctx.res.writeHead(200, { 'content-type': 'text/event-stream' })
    ctx.res.write('data: first\n\n')
    ctx.req.once('close', () => ctx.res.end())
  })
  const response = await get()
  t.is(response.headers['content-encoding'], undefined)
  t.is(await nextPiece(response), 'data: first\n\n')
  response.destroy()
})

test('other compressed streams are flushed after each chunk, too', async (t) => {
  const rows = new PassThrough()
  const { get } = await page(t, '/rows', (ctx) => {
    ctx.type = 'text/plain'
    ctx.body = rows
  })
  rows.write('first\n')
  const response = await get({ 'accept-encoding': 'gzip' })
  t.is(response.headers['content-encoding'], 'gzip')
  const unpacked = response.pipe(createGunzip())
  t.is(await nextPiece(unpacked), 'first\n')
  rows.write('second\n')
  t.is(await nextPiece(unpacked), 'second\n')
  rows.end()
  await once(unpacked.resume(), 'end')
})

test('web streams are sent unchanged, and have no common ETag', async (t) => {
  const { get } = await page(t, '/web', (ctx) => {
    ctx.type = 'text/plain'
    ctx.body = ReadableStream.from(['one ', 'two'])
  })
  const response = await get({ 'accept-encoding': 'identity' })
  t.is(response.headers['etag'], undefined)
  let text = ''
  for await (const piece of response) text += String(piece)
  t.is(text, 'one two')
})

for (const [coding, type] of [
  ['identity', 'text/plain'],
  ['gzip', 'text/plain'],
  ['gzip', 'text/event-stream'],
] as const) {
  test(`a ${type} that fails half-way (${coding}) is cut off and logged, and keeps no connection`, async (t) => {
    const rows = new PassThrough()
    const { get, failed } = await page(t, '/rows', (ctx) => {
      ctx.type = type
      ctx.body = rows
    })
    rows.write('first\n')
    const response = await get({ 'accept-encoding': coding })
    const cut = once(response.resume(), 'error')
    const logged = once(failed, 'line')
    rows.destroy(new Error('the rows ended'))
    const [error] = (await cut) as [NodeJS.ErrnoException]
    t.is(error.code, 'ECONNRESET')
    t.regex(String(await logged), /the rows ended/)
  })
}

test('Cache-Control and weak ETags are those of the page, compressed or not', async (t) => {
  const { get } = await page(t, '/long', (ctx) => {
    ctx.set('Cache-Control', 'public, max-age=60')
    ctx.body = 'text '.repeat(1000)
  })
  const tags = new Set<string | undefined>()
  for (const coding of ['gzip', 'br', 'identity']) {
    const response = await get({ 'accept-encoding': coding })
    t.is(response.headers['content-encoding'], coding === 'identity' ? undefined : coding)
    t.is(response.headers['cache-control'], 'public, max-age=60')
    tags.add(response.headers['etag'])
    await once(response.resume(), 'end')
  }
  t.is(tags.size, 1)
  const [tag = ''] = tags
  t.regex(tag, /^W\/"/)
  const again = await get({ 'if-none-match': tag })
  t.is(again.statusCode, 304)
  t.is(again.headers['cache-control'], 'public, max-age=60')
  again.resume()
})

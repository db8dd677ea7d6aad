import { randomBytes } from 'node:crypto'
import test from 'ava'
import { type Reply, ReplyParser } from '../../../src/session/caches/memcached/memcached-replies.ts'

const binary = Buffer.from('\r\nEN\r\nVA 3 c1\r\nabc\r\n\0\xff', 'latin1')
const stream = Buffer.concat([
  Buffer.from(`EN\r\nHD\r\nVA ${binary.length} c12 ka:b\r\n`),
  binary,
  Buffer.from(
    '\r\nVA 0 c1\r\n\r\nNS\r\nSERVER_ERROR out of memory\r\nSTAT pid 1\r\nSTAT name a b\r\nEND\r\nEND\r\nMN\r\n',
  ),
])
const replies: Reply[] = [
  { code: 'EN', words: [] },
  { code: 'HD', words: [] },
  { code: 'VA', words: ['c12', 'ka:b'], value: binary },
  { code: 'VA', words: ['c1'], value: Buffer.alloc(0) },
  { code: 'NS', words: [] },
  { code: 'SERVER_ERROR', words: ['out', 'of', 'memory'] },
  { code: 'END', words: ['pid 1', 'name a b'] },
  { code: 'END', words: [] },
  { code: 'MN', words: [] },
]

function parsed(pieces: readonly Buffer[]): Reply[] {
  const parser = new ReplyParser()
  return pieces.flatMap((piece) => parser.push(piece))
}

test('replies are parsed from any chunks: at once, byte by byte, and cut anywhere', (t) => {
  t.deepEqual(parsed([stream]), replies)
  t.deepEqual(parsed(Array.from(stream, (byte) => Buffer.from([byte]))), replies)
  for (let cut = 1; cut < stream.length; cut++) {
    t.deepEqual(parsed([stream.subarray(0, cut), stream.subarray(cut)]), replies, `cut at ${cut}`)
  }
})

test('a reply is returned as soon as it is complete', (t) => {
  const parser = new ReplyParser()
  t.deepEqual(parser.push(Buffer.from('VA 3 c1\r\nabc\r')), [])
  t.deepEqual(parser.push(Buffer.from('\nHD')), [{ code: 'VA', words: ['c1'], value: Buffer.from('abc') }])
  t.deepEqual(parser.push(Buffer.from('\r\n')), [{ code: 'HD', words: [] }])
})

test('a large value is assembled from many chunks', (t) => {
  const value = randomBytes(1_000_000)
  const bytes = Buffer.concat([Buffer.from(`VA ${value.length} c1\r\n`), value, Buffer.from('\r\nEN\r\n')])
  const pieces = Array.from({ length: Math.ceil(bytes.length / 1448) }, (_, n) =>
    bytes.subarray(n * 1448, (n + 1) * 1448),
  )
  const [first, second] = parsed(pieces)
  t.true(first?.value?.equals(value))
  t.is(second?.code, 'EN')
})

test('an invalid reply is refused', (t) => {
  const bad = [
    'HELLO\r\n',
    '\r\n',
    'hd\r\n',
    'HTTP/1.1 400 Bad Request\r\n',
    'VALUE key 0 3\r\nabc\r\nEND\r\n',
    'VA\r\n',
    'VA x c1\r\n',
    'VA -1 c1\r\n',
    'VA 1e3 c1\r\n',
    'VA 9999999999 c1\r\n',
    'VA 3 c1\r\nabcd\r\n',
    'x'.repeat(5000),
    `HD ${'x'.repeat(5000)}\r\n`,
  ]
  for (const text of bad) t.throws(() => parsed([Buffer.from(text)]), undefined, text.slice(0, 20))
})

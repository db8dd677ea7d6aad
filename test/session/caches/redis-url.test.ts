import test from 'ava'
import { describeTarget, parseRedisUrl } from '../../../src/session/caches/redis/redis-url.ts'

const PLAIN = { tls: false, master: '', username: undefined, password: undefined, database: 0 }

test('one setting, the URL, chooses the topology', (t) => {
  const node = (host: string, port = 6379) => ({ host, port })
  t.deepEqual(parseRedisUrl('redis://cache'), { ...PLAIN, topology: 'single', nodes: [node('cache')] })
  t.deepEqual(parseRedisUrl('rediss://u:p%40%3A%2F@[::1]:7000/5'), {
    topology: 'single',
    nodes: [node('::1', 7000)],
    tls: true,
    master: '',
    username: 'u',
    password: 'p@:/',
    database: 5,
  })
  t.like(parseRedisUrl('redis://:p:a@b@cache/'), { username: undefined, password: 'p:a@b', database: 0 })
  t.deepEqual(parseRedisUrl('redis-cluster://a:1,b.example,[fe80::2]:3'), {
    ...PLAIN,
    topology: 'cluster',
    nodes: [node('a', 1), node('b.example'), node('fe80::2', 3)],
  })
  t.deepEqual(parseRedisUrl('rediss-sentinel://a,b:5/my%20main/2'), {
    ...PLAIN,
    topology: 'sentinel',
    nodes: [node('a', 26_379), node('b', 5)],
    tls: true,
    master: 'my main',
    database: 2,
  })
})

test('an invalid URL gives a clear error that does not contain it', (t) => {
  const wrong = new Map([
    ['http://u:s3cret@a', /not the URL of a Redis/],
    ['redis://u:s3cret@', /not the URL of a Redis/],
    ['redis://u:s3cret@a/5?x=1', /not the URL of a Redis/],
    ['redis://u:s3cret@a:99999', /A host .* cannot be read/],
    ['redis://u:s3cret@a:0', /A host .* cannot be read/],
    ['redis://u:s3cret@a b', /A host .* cannot be read/],
    ['redis://u:s3cret@a,b', /Several hosts/],
    ['redis://u:s3cret%@a', /percent-encoded/],
    ['redis://u:s3cret@a/main', /not a number/],
    ['redis-cluster://u:s3cret@a/1', /no databases but 0/],
    ['redis-sentinel://u:s3cret@a', /lacks the master's name/],
  ])
  for (const [url, message] of wrong) {
    const error = t.throws(() => parseRedisUrl(url), { message }, url)
    t.notRegex(`${error?.message} ${error?.stack} ${String(error?.cause)}`, /s3cret/, url)
  }
})

test('a target is described without user and password', (t) => {
  const describe = (url: string) => describeTarget(parseRedisUrl(url))
  t.is(describe('redis://user:s3cret@[::1]:7/1'), 'Redis at [::1]:7')
  t.is(describe('redis-cluster://:s3cret@a,b:2'), 'the Redis cluster at a:6379, b:2')
  t.is(describe('redis-sentinel://:s3cret@a/main'), 'the Redis "main" of the sentinels at a:26379')
})

// Another process that swaps one entry: url, key, version, next version, expiry.
import { RedisCache } from '../../src/session/caches/redis/redis.ts'

const [url = '', key = '', version = '', next = '', expires] = process.argv.slice(2)
const cache = new RedisCache({ url, connectTimeout: 10_000, commandTimeout: 10_000 })
await cache.connect()
const outcome = await cache.swap(key, version, { version: next, expires: Number(expires), body: Buffer.from(next) })
await cache.close()
console.log(`swap: ${outcome}`)

import { createHash } from 'node:crypto'
import { DAMAGED } from '../cache.ts'
import { HEADER_BYTES, VERSION_BYTES } from '../frame.ts'

/** A Lua script. Each uses exactly one key, as a cluster requires. */
export interface RedisScript {
  readonly source: string
  /** For EVALSHA. */
  readonly sha: string
}

// The version under KEYS[1] as `unpack` of frame.ts reads it; false if the key is missing or expired. A key of another
// type counts as damaged.
const VERSION_OF_KEY = `
local function current(now)
  local header = redis.pcall('GETRANGE', KEYS[1], 0, ${HEADER_BYTES - 1})
  if type(header) ~= 'string' then return '${DAMAGED.version}' end
  if header == '' and redis.call('EXISTS', KEYS[1]) == 0 then return false end
  local version = header:sub(1, ${VERSION_BYTES}):match('^([%w_-]+) *$')
  local expires = header:sub(${VERSION_BYTES + 1}):match('^%d+$')
  if #header < ${HEADER_BYTES} or not version or not expires then return '${DAMAGED.version}' end
  return tonumber(expires) > tonumber(now) and version
end
local version = current(ARGV[1])`

/** Key; now, version, bytes, milliseconds to live. Returns done, missing or conflict. */
export const SWAP = script(`${VERSION_OF_KEY}
if not version then return 'missing' end
if version ~= ARGV[2] then return 'conflict' end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 'done'`)

/** Key; now, version. Returns done, missing or conflict. */
export const DELETE = script(`${VERSION_OF_KEY}
if not version then return 'missing' end
if version ~= ARGV[2] then return 'conflict' end
redis.call('DEL', KEYS[1])
return 'done'`)

/** Key; now, bytes, milliseconds to live. Writes if the key is free or expired; returns done or conflict. */
export const ADD = script(`${VERSION_OF_KEY}
if version then return 'conflict' end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 'done'`)

/**
 * Key of a sorted set; now, member, its expiry, milliseconds that the set outlives its last member. An expiry is never
 * shortened: it may be that of a write that lost against another.
 */
export const INDEX = script(`
local known = redis.call('ZSCORE', KEYS[1], ARGV[2])
if not known or tonumber(known) < tonumber(ARGV[3]) then redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if last then redis.call('PEXPIRE', KEYS[1], string.format('%d', last - ARGV[1] + ARGV[4])) end
return 'done'`)

function script(source: string): RedisScript {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

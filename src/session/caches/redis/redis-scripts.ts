import { createHash } from 'node:crypto'
import { type CacheEntry, DAMAGED } from '../cache.ts'
import { HEADER_BYTES, pack, VERSION_BYTES } from '../frame.ts'

/** A Lua script. Each uses exactly one key, as a cluster requires, except those for entries ahead of a database. */
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

/**
 * Key; now, version, bytes, milliseconds to live, index, the new version. SWAP, and in the index the time of the first
 * version that is ahead, the versions that the database may have, and the new one: "time:old,older,new". An index that
 * ends with another version is about an entry that was lost.
 */
export const SWAP_AHEAD = script(`${VERSION_OF_KEY}
if not version then return {'missing'} end
if version ~= ARGV[2] then return {'conflict'} end
local expires = redis.call('GETRANGE', KEYS[1], ${VERSION_BYTES}, ${HEADER_BYTES - 1})
local since, from = string.match(redis.call('HGET', ARGV[5], KEYS[1]) or '', '^(%d+):(.*)$')
if not from or not string.find(',' .. from .. '$', ',' .. version .. '$', 1, true) then
  local time = redis.call('TIME')
  since, from = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)), version
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
redis.call('HSET', ARGV[5], KEYS[1], since .. ':' .. from .. ',' .. ARGV[6])
return {'done', from, expires}`)

/** Key; index. Returns the versions in the index and the bytes, or nothing. */
export const FIND_AHEAD = script(`
local versions = string.match(redis.call('HGET', ARGV[1], KEYS[1]) or '', '^%d+:(.*)$')
if not versions then return {} end
local bytes = redis.pcall('GET', KEYS[1])
return {KEYS[1], versions, type(bytes) == 'string' and bytes or ''}`)

/** Index; minimum milliseconds since, maximum number. Returns the same three values for each entry. */
export const LIST_AHEAD = script(`
local time = redis.call('TIME')
local before = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
local known, found = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #known, 2 do
  local since, versions = string.match(known[i + 1], '^(%d+):(.*)$')
  if #found < 3 * ARGV[2] and (not since or tonumber(since) <= before) then
    local bytes = redis.pcall('GET', known[i])
    found[#found + 1] = known[i]
    found[#found + 1] = versions or known[i + 1]
    found[#found + 1] = type(bytes) == 'string' and bytes or ''
  end
end
return found`)

/** Key; now, index, the version that the database has, milliseconds to live. */
export const WRITTEN = script(`${VERSION_OF_KEY}
local since, versions = string.match(redis.call('HGET', ARGV[2], KEYS[1]) or '', '^(%d+):(.*)$')
local at = versions and string.find(',' .. versions .. ',', ',' .. ARGV[3] .. ',', 1, true)
if not at then return 'missing' end
local rest = string.sub(versions, at)
if rest ~= ARGV[3] then
  redis.call('HSET', ARGV[2], KEYS[1], since .. ':' .. rest)
  return 'done'
end
redis.call('HDEL', ARGV[2], KEYS[1])
if version == ARGV[3] and redis.call('PTTL', KEYS[1]) > tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 'done'`)

/** Key; index, version. Takes an entry with this latest version off the index. */
export const DROP = script(`
local value = redis.call('HGET', ARGV[1], KEYS[1])
if not value then return 'missing' end
local versions = ',' .. string.gsub(value, ':', ',', 1) .. '$'
if not string.find(versions, ',' .. ARGV[2] .. '$', 1, true) then return 'conflict' end
redis.call('HDEL', ARGV[1], KEYS[1])
return 'done'`)

/** The caller's clock decides what has expired; the server's TTL, in ms, only frees memory, so it must not be early. */
export const EXPIRY_MARGIN_MS = 1000

/** The bytes of an entry, and its milliseconds to live. */
export function packWithLife(entry: CacheEntry, now: number): [bytes: Buffer, milliseconds: string] {
  const life = Math.ceil(Math.max(1, entry.expires - now + EXPIRY_MARGIN_MS))
  return [pack(entry), String(life)]
}

function script(source: string): RedisScript {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

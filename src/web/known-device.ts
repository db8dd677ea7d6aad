import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { derivedKey } from '../derived-key.ts'
import type { Services } from '../services.ts'
import { cookieValues, setCookie } from '../session/http/cookie.ts'
import type { User } from '../users.ts'

const YEAR_SECONDS = 365 * 24 * 60 * 60
const ID_BYTES = 16
// Of people who share a browser.
const MAX_USERS = 5
// One, and perhaps one of another site below the domain. Each takes time with every secret.
const MAX_COOKIES = 2
// As long as a hash.
const NOBODY: Owner = { id: '0', passwordHash: '-'.repeat(97) }
// An id, then a signature for each user who has signed in, the latest first.
const COOKIE = /^[\w-]{22}(?:\.[\w-]{43}){1,5}$/

type Owner = Pick<User, 'id' | 'passwordHash'>

const keys = new Map<string, Buffer>()

/**
 * The id of this device, if the user has signed in on it with the present password; otherwise undefined. It is no
 * authentication: it only keeps the failures of other devices from delaying this user here.
 *
 * @param user undefined if there is none of this name, which takes as long
 */
export function knownDevice(ctx: Context, { config }: Services, user: User | undefined): string | undefined {
  const id = signedId(ctx, config, user ?? NOBODY)
  return user === undefined ? undefined : id
}

function signedId(ctx: Context, config: Services['config'], user: Owner): string | undefined {
  for (const [id = '', ...signatures] of cookiesOf(ctx, config)) {
    for (const secret of config.secrets) {
      const expected = Buffer.from(sign(secret, id, user))
      // The pattern has checked the length, which timingSafeEqual requires.
      if (signatures.some((signature) => timingSafeEqual(Buffer.from(signature), expected))) return id
    }
  }
  return undefined
}

/** Remembers that this user has signed in on this device. */
export function rememberDevice(ctx: Context, { config }: Services, user: User): void {
  const [[known, ...others] = []] = cookiesOf(ctx, config)
  const id = known ?? randomBytes(ID_BYTES).toString('base64url')
  const own = config.secrets.map((secret) => sign(secret, id, user))
  const signatures = [own[0], ...others.filter((other) => !own.includes(other))].slice(0, MAX_USERS)
  ctx.append('Set-Cookie', setCookie(settingsOf(config), [id, ...signatures].join('.'), YEAR_SECONDS, Date.now()))
}

// More than the first: a signature cannot be forged.
function cookiesOf(ctx: Context, config: Services['config']): string[][] {
  return cookieValues(ctx.req.headers.cookie, settingsOf(config).name)
    .filter((value) => COOKIE.test(value))
    .slice(0, MAX_COOKIES)
    .map((value) => value.split('.'))
}

function settingsOf({ session }: Services['config']) {
  const { secure } = session.cookie
  const name = secure ? '__Host-known-device' : 'known-device'
  return { name, path: '/', secure, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
}

// With the password's hash, so that a new password makes every device unknown.
function sign(secret: string, id: string, { id: userId, passwordHash }: Owner): string {
  return createHmac('sha256', keyOf(secret)).update(`${id}:${userId}:${passwordHash}`).digest('base64url')
}

function keyOf(secret: string): Buffer {
  const key = keys.get(secret) ?? derivedKey(secret, 'known device')
  keys.set(secret, key)
  return key
}

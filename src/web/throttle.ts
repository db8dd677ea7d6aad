import { createHmac } from 'node:crypto'
import type { Context } from 'koa'
import { derivedKey } from '../derived-key.ts'
import { type Counter, FailedAttempts, type Limit, type Refusal } from '../failed-attempts.ts'
import { hashPassword, PasswordQueueFullError, passwordMatches, type Verify } from '../passwords.ts'
import type { Services } from '../services.ts'
import { type User, usernameKey } from '../users.ts'
import { knownDevice } from './known-device.ts'
import { isLoopback, networkOf } from './network.ts'
import { logSecurity } from './security-log.ts'

const DAY_MS = 24 * 60 * 60_000
const ADDRESS_WINDOW_MS = 5 * 60_000
// NIST SP 800-63B-4, 3.2.2: at most 100 failures in a row. An account's counter never expires.
const ACCOUNT: Limit = { max: 100, window: Number.POSITIVE_INFINITY, consecutive: true }
// What may exist in any number must expire. Seen from outside it is no different until 30 days after a failure.
const EXPIRING: Limit = { ...ACCOUNT, window: 30 * DAY_MS }
// Names without an account share these counters: anyone can make up names, and each would take a row.
const UNKNOWN_NAMES = 2 ** 18
const MAX_RETRY_SECONDS = 86_400

/** The user, or for a name without an account its keyed hash. */
type Who = { readonly userId?: string; readonly name?: string }

const WAIT = 'Too many attempts. Please try again later.'
const LOCKED =
  'Too many wrong passwords in a row. Please sign in on a device on which you have signed in before, choose a new password under “Forgot your password?” if it is offered, or ask us for help.'

/** How often {@link Throttle.attempt} is allowed. */
export interface AttemptLimit {
  readonly max: number
  /** From the first attempt on, until the counter starts at 0 again. */
  readonly seconds: number
  /** What is counted; the client's network by default. */
  readonly key?: string
}

/**
 * Limits attempts at passwords, names and links, for all processes on the database together. Of passwords only
 * failures count, of everything else every attempt.
 */
export class Throttle {
  readonly #services: Services
  readonly #attempts: FailedAttempts
  readonly #perAddress: Limit
  /** One for each secret: every process counts under all of its own, so that counters outlive a change of secret. */
  readonly #keys: readonly [Buffer, ...Buffer[]]

  constructor(services: Services) {
    this.#services = services
    this.#attempts = new FailedAttempts(services.knex)
    this.#perAddress = { max: services.config.attemptsPerAddress, window: ADDRESS_WINDOW_MS, consecutive: false }
    const [first, ...others] = services.config.secrets
    const keyOf = (secret: string) => derivedKey(secret, 'throttle')
    this.#keys = [keyOf(first), ...others.map(keyOf)]
  }

  /**
   * Returns whether this is the password of the user who signs in.
   *
   * @param user undefined if no account has the name, which cannot be told from a wrong password
   * @throws HttpError 429 with Retry-After; PasswordQueueFullError
   */
  async signInMatches(ctx: Context, username: string, password: string, user: User | undefined): Promise<boolean> {
    const who =
      user === undefined ? { name: hashOf(usernameKey(username), this.#keys[0]).slice(0, 12) } : { userId: user.id }
    const matches = await this.#matches(ctx, await this.#signInCounters(ctx, username, user), { password, user, who })
    if (!matches) logSecurity(ctx, 'sign-in refused', who)
    return matches
  }

  /**
   * Returns whether this is the password of the signed-in user. Counted per session, as whoever has stolen one must not
   * be able to lock out the others.
   *
   * @throws HttpError 429 with Retry-After; PasswordQueueFullError
   */
  async confirmationMatches(ctx: Context, user: User, password: string): Promise<boolean> {
    const { id } = await ctx.session()
    const counter = { name: `session ${user.id} ${id ?? ''}`, limit: EXPIRING }
    const who = { userId: user.id }
    const matches = await this.#matches(ctx, [counter], { password, user, who })
    if (!matches) logSecurity(ctx, 'password refused', who)
    return matches
  }

  /** Counts a look at whether a name is taken. @throws HttpError 429 with Retry-After */
  async lookAtName(ctx: Context): Promise<void> {
    await this.attempt(ctx, 'names', { max: this.#perAddress.max, seconds: ADDRESS_WINDOW_MS / 1000 })
  }

  /** Takes back the two looks of a registration, in its first step and its last, after the account was created. */
  async takeLooksBack(ctx: Context): Promise<void> {
    const counters = this.#addressCounters('names', ctx, this.#perAddress)
    await this.#takeBack([...counters, ...counters])
  }

  /**
   * Counts an attempt at anything, successful or not.
   *
   * @param kind a word that no other counter begins with
   * @throws HttpError 429 with Retry-After
   */
  async attempt(ctx: Context, kind: string, { max, seconds, key }: AttemptLimit): Promise<void> {
    const limit = { max, window: seconds * 1000, consecutive: false }
    const counters =
      key === undefined
        ? this.#addressCounters(kind, ctx, limit)
        : this.#keys.map((one) => ({ name: `${kind} ${hashOf(key, one)}`, limit }))
    await this.#reserve(ctx, counters, {})
  }

  /**
   * The hash of a new password.
   *
   * @throws PasswordQueueFullError
   */
  async hashPassword(ctx: Context, password: string): Promise<string> {
    return await this.#inQueue(ctx, (network) => hashPassword(password, network))
  }

  /** Deletes the counter of this account, so that sign-ins are allowed again. */
  async unlock(user: User): Promise<void> {
    await this.#attempts.forget(accountName(user))
  }

  async #signInCounters(ctx: Context, username: string, user: User | undefined): Promise<Counter[]> {
    const device = knownDevice(ctx, this.#services, user)
    if (user !== undefined && device !== undefined) {
      const counter = { name: `device ${user.id} ${device}`, limit: EXPIRING }
      // Its cookie may have been stolen: it then counts as unknown.
      if ((await this.#attempts.refusal(counter))?.spent !== true) return [counter]
    }
    const address = this.#addressCounters('address', ctx, this.#perAddress)
    if (user !== undefined) return [...address, { name: accountName(user), limit: ACCOUNT }]
    const numbers = this.#keys.map((key) => digestOf(usernameKey(username), key).readUInt32BE() % UNKNOWN_NAMES)
    return [...address, ...numbers.map((number) => ({ name: `unknown ${number}`, limit: EXPIRING }))]
  }

  async #matches(
    ctx: Context,
    counters: readonly Counter[],
    { password, user, who }: { password: string; user: User | undefined; who: Who },
  ): Promise<boolean> {
    // Before the queue, which those who are refused must not fill.
    for (const counter of counters) {
      const refusal = await this.#attempts.refusal(counter)
      if (refusal !== undefined) this.#refuse(ctx, counter, refusal, who)
    }
    const around = (verify: Verify) => this.#counted(ctx, counters, who, verify)
    return await this.#inQueue(ctx, (network) => passwordMatches(password, user?.passwordHash, { network, around }))
  }

  async #inQueue<T>(ctx: Context, work: (network: string | undefined) => Promise<T>): Promise<T> {
    try {
      // All visitors have this machine's address behind a proxy on it that is not trusted.
      return await work(isLoopback(ctx.ip) ? undefined : networkOf(ctx.ip))
    } catch (error) {
      if (error instanceof PasswordQueueFullError && error.status === 429) {
        logSecurity(ctx, 'too many attempts', { limit: 'queue' })
      }
      throw error
    }
  }

  /** Counts the attempt before it is verified, or any number of attempts at once would pass. */
  async #counted(ctx: Context, counters: readonly Counter[], who: Who, verify: Verify): Promise<boolean> {
    await this.#reserve(ctx, counters, who)
    const matches = await verify()
    if (matches) await this.#takeBack(counters)
    return matches
  }

  /** Counts an attempt under all of these, or is refused and counts it under none. */
  async #reserve(ctx: Context, counters: readonly Counter[], who: Who): Promise<void> {
    const reserved: Counter[] = []
    for (const counter of counters) {
      const refusal = await this.#attempts.reserve(counter)
      if (refusal !== undefined) {
        await this.#takeBack(reserved)
        this.#refuse(ctx, counter, refusal, who)
      }
      reserved.push(counter)
    }
  }

  async #takeBack(counters: readonly Counter[]): Promise<void> {
    for (const counter of counters) await this.#attempts.takeBack(counter)
  }

  #refuse(ctx: Context, { name, limit }: Counter, { wait, spent }: Refusal, who: Who): never {
    logSecurity(ctx, 'too many attempts', { ...who, limit: name.split(' ', 1)[0] })
    const seconds = Math.min(Math.ceil(wait / 1000), MAX_RETRY_SECONDS)
    const message = spent && limit.consecutive ? LOCKED : WAIT
    return ctx.throw(429, message, { headers: { 'Retry-After': String(seconds) } })
  }

  // Hashed, as addresses are personal data.
  #addressCounters(kind: string, ctx: Context, limit: Limit): Counter[] {
    return this.#keys.map((key) => ({ name: `${kind} ${hashOf(networkOf(ctx.ip) ?? '', key)}`, limit }))
  }
}

function hashOf(text: string, key: Buffer): string {
  return digestOf(text, key).toString('base64url')
}

function digestOf(text: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function accountName(user: User): string {
  return `account ${user.id}`
}

import { hash, randomBytes } from 'node:crypto'
import type { DecodedCookie } from '../../codec/codec.ts'
import { emptyData, type SessionData } from '../../core/data.ts'
import { derivedSessionId, newSessionId } from '../../core/key.ts'
import { userIdOf } from '../../core/user.ts'
import type { SignIn } from '../../stores/revocations.ts'

/** What a cookie holds beside the data that handlers see. */
export interface Reserved {
  readonly signIn: SignIn | undefined
  /** Milliseconds since 1970; undefined where the engine keeps no absolute age. */
  readonly createdAt: number | undefined
}

const SECRET_BYTES = 12

/**
 * An id for a new sign-in.
 *
 * @param sessionId the public id of the session that goes on, or null for one that begins
 */
export function newSignInId(sessionId: string | null): string {
  return `${sessionId ?? newSessionId()}.${randomBytes(SECRET_BYTES).toString('base64url')}`
}

/** The public id of the session that a sign-in belongs to. */
export function sessionIdOfSignIn(id: string): string {
  const dot = id.indexOf('.')
  // Older cookies, and Django's, have a random id alone, which is not to be told.
  return dot === -1 ? derivedSessionId(id) : id.slice(0, dot)
}

const ID_KEY = '_session_id'
const EPOCH_KEY = '_session_epoch'
const CREATED_KEY = '_session_created'
const RESERVED = [ID_KEY, EPOCH_KEY, CREATED_KEY]

/** The data with these values among them, in place of any that a handler has put there. */
export function withReserved(data: SessionData, { signIn, createdAt }: Reserved): SessionData {
  const whole = withoutReserved(data)
  if (signIn !== undefined) {
    whole[ID_KEY] = signIn.id
    whole[EPOCH_KEY] = signIn.epoch
  }
  if (createdAt !== undefined) whole[CREATED_KEY] = createdAt
  return whole
}

/**
 * Tells apart what {@link withReserved} put together. A cookie without an id of its session (Django's, or one from
 * before there were revocations) goes by the hash of its text, which has one spelling only, and by when it was made.
 */
export function takeReserved(cookie: string, decoded: DecodedCookie & { ok: true }): Reserved & { data: SessionData } {
  const { data, issuedAt } = decoded
  const { [ID_KEY]: id, [EPOCH_KEY]: epoch, [CREATED_KEY]: created } = data
  const userId = userIdOf(data)
  const signIn =
    userId === null
      ? undefined
      : {
          userId,
          id: typeof id === 'string' ? id : hash('sha256', cookie, 'base64url'),
          epoch: typeof epoch === 'number' ? epoch : issuedAt,
        }
  return { data: withoutReserved(data), signIn, createdAt: typeof created === 'number' ? created : undefined }
}

function withoutReserved(data: SessionData): SessionData {
  const rest = Object.assign(emptyData(), data)
  for (const key of RESERVED) delete rest[key]
  return rest
}

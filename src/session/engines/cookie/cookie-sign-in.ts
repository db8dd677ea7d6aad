import { hash, randomBytes } from 'node:crypto'
import type { DecodedCookie } from '../../codec/codec.ts'
import { emptyData, type SessionData } from '../../core/data.ts'
import { derivedSessionId, newSessionId } from '../../core/key.ts'
import { userIdOf } from '../../core/user.ts'
import type { SignIn } from '../../stores/revocations.ts'

/** The engine's own values in a cookie. */
export interface ReservedValues {
  readonly signIn: SignIn | undefined
  /** Milliseconds since 1970; undefined without an absolute age. */
  readonly createdAt: number | undefined
}

const SECRET_BYTES = 12

/**
 * Generates the id of a sign-in.
 *
 * @param sessionId the public id of an existing session, or null for a new one
 */
export function newSignInId(sessionId: string | null): string {
  return `${sessionId ?? newSessionId()}.${randomBytes(SECRET_BYTES).toString('base64url')}`
}

/** The public id of the session that a sign-in belongs to. */
export function sessionIdOfSignIn(id: string): string {
  const dot = id.indexOf('.')
  // Older cookies and Django's have only a random id, which must stay secret.
  return dot === -1 ? derivedSessionId(id) : id.slice(0, dot)
}

const ID_KEY = '_session_id'
const EPOCH_KEY = '_session_epoch'
const CREATED_KEY = '_session_created'

/** The data with the engine's values, which replace any that a handler stored under these keys; the same data without any. */
export function withReserved(data: SessionData, { signIn, createdAt }: ReservedValues): SessionData {
  const rest = withoutReserved(data)
  if (signIn === undefined && createdAt === undefined) return rest
  const whole = Object.assign(emptyData(), rest)
  if (signIn !== undefined) {
    whole[ID_KEY] = signIn.id
    whole[EPOCH_KEY] = signIn.epoch
  }
  if (createdAt !== undefined) whole[CREATED_KEY] = createdAt
  return whole
}

/**
 * Separates what {@link withReserved} combined. A cookie without a sign-in id (Django's, or one made without
 * revocations) is identified by the hash of its text, which is canonical, and by the time it was made.
 */
export function takeReserved(
  cookie: string,
  decoded: DecodedCookie & { ok: true },
): ReservedValues & { data: SessionData } {
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
  // First: the copy below takes as long as parsing, and anonymous sessions have none of these.
  if (data[ID_KEY] === undefined && data[EPOCH_KEY] === undefined && data[CREATED_KEY] === undefined) return data
  const { [ID_KEY]: _id, [EPOCH_KEY]: _epoch, [CREATED_KEY]: _created, ...rest } = data
  return Object.setPrototypeOf(rest, null) as SessionData
}

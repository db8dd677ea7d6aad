import { USER_KEY } from '../../core/user.ts'
import { checkSecrets, type Secrets } from '../secrets.ts'
import { saltedHmac, sameText } from './signing.ts'

const BACKEND_KEY = '_auth_user_backend'
const HASH_KEY = '_auth_user_hash'
const SALT = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash'
const MODEL_BACKEND = 'django.contrib.auth.backends.ModelBackend'

/** What Django's table of users says of one. */
export interface DjangoUser {
  /** The primary key as text, as `value_to_string` writes it. */
  readonly id: string
  /** The column `password` as it is, algorithm and salt included. */
  readonly password: string
}

/** What a sign-in is made and verified with. */
export interface DjangoAuthOptions {
  /** SECRET_KEY and SECRET_KEY_FALLBACKS: the first signs, all of them verify. */
  readonly secrets: Secrets
  /** AUTHENTICATION_BACKENDS; the first is written, all of them are accepted. Django's default without it. */
  readonly backends?: readonly [string, ...string[]]
  /** Also accept hashes made before Django 3.1, as Django 3.1 and 3.2 do; no by default. */
  readonly acceptSha1?: boolean
}

/** What Django's `get_session_auth_hash` gives: it changes with the password, so that old sessions end. */
export function djangoAuthHash(password: string, secret: string, algorithm: 'sha256' | 'sha1' = 'sha256'): string {
  return saltedHmac(SALT, password, secret, algorithm).toString('hex')
}

/**
 * Whether this text, whatever it is, is the hash of this password under any of the secrets. Constant time.
 *
 * @throws RangeError for secrets that are missing or too short
 */
export function verifyDjangoAuthHash(password: string, given: unknown, options: DjangoAuthOptions): boolean {
  checkSecrets(options.secrets)
  if (typeof given !== 'string') return false
  const algorithms = options.acceptSha1 ? (['sha256', 'sha1'] as const) : (['sha256'] as const)
  return algorithms.some((algorithm) =>
    options.secrets.some((secret) => sameText(given, djangoAuthHash(password, secret, algorithm))),
  )
}

/**
 * Whether Django has signed this user in with this session, and the password is still the same: what Django's
 * `get_user` asks. Whether the account is active is for the caller to ask of the table.
 *
 * @param session the session, or anything else that has its values
 * @throws RangeError for secrets that are missing or too short
 */
export function isDjangoSignIn(
  session: { get(key: string): unknown },
  user: DjangoUser,
  options: DjangoAuthOptions,
): boolean {
  checkSecrets(options.secrets)
  const backend = session.get(BACKEND_KEY)
  return (
    session.get(USER_KEY) === user.id &&
    typeof backend === 'string' &&
    backendsOf(options).includes(backend) &&
    verifyDjangoAuthHash(user.password, session.get(HASH_KEY), options)
  )
}

/**
 * The three values by which Django knows its user: set beside a new session key, they sign the user in there too.
 *
 * @throws RangeError for secrets that are missing or too short
 */
export function djangoSignIn(user: DjangoUser, options: DjangoAuthOptions): Record<string, string> {
  checkSecrets(options.secrets)
  return {
    [USER_KEY]: user.id,
    [BACKEND_KEY]: backendsOf(options)[0],
    [HASH_KEY]: djangoAuthHash(user.password, options.secrets[0]),
  }
}

function backendsOf({ backends = [MODEL_BACKEND] }: DjangoAuthOptions): readonly [string, ...string[]] {
  return backends
}

import { USER_KEY } from '../../core/user.ts'
import { checkSecrets, type Secrets } from '../secrets.ts'
import { saltedHmac, sameText } from './signing.ts'

const BACKEND_KEY = '_auth_user_backend'
const HASH_KEY = '_auth_user_hash'
const SALT = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash'
const MODEL_BACKEND = 'django.contrib.auth.backends.ModelBackend'

/** A user as Django's table has it. */
export interface DjangoUser {
  /** The primary key as text, as `value_to_string` writes it. */
  readonly id: string
  /** The column `password` as it is, algorithm and salt included. */
  readonly password: string
}

/** Options for creating and verifying a sign-in of Django's. */
export interface DjangoAuthOptions {
  /** SECRET_KEY and SECRET_KEY_FALLBACKS: the first signs, all of them verify. */
  readonly secrets: Secrets
  /** AUTHENTICATION_BACKENDS: the first is written, all of them are accepted. Django's ModelBackend by default. */
  readonly backends?: readonly [string, ...string[]]
  /** Also accept hashes made before Django 3.1, as Django 3.1 and 3.2 do; no by default. */
  readonly acceptSha1?: boolean
}

/** Django's `get_session_auth_hash`: it changes with the password, so that old sessions end. */
export function djangoAuthHash(password: string, secret: string, algorithm: 'sha256' | 'sha1' = 'sha256'): string {
  return saltedHmac(SALT, password, secret, algorithm).toString('hex')
}

/**
 * Whether the given value is the hash of this password under any of the secrets, compared in constant time.
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
 * Whether Django signed this user in to this session and the password has not changed since, as in Django's `get_user`.
 * The caller checks whether the account is active.
 *
 * @param session the session, or any object with its `get`
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
 * The three values by which Django identifies a signed-in user, to be stored after `signIn`.
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

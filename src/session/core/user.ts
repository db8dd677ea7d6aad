import type { SessionData } from './data.ts'

/**
 * The session key of the signed-in user's id, as in Django; stores copy it to a column. Written by `signIn`, which checks
 * the id.
 *
 * @example
 * const id = session.get(USER_KEY)
 */
export const USER_KEY = '_auth_user_id'

// 64 is the width of the column. PostgreSQL keeps no NUL, and half a surrogate pair would be stored as another character.
const USER_ID = /^[^\p{Cc}\p{Cs}]{1,64}$/u

/** Whether a user can be signed in with this id, on every store. */
export function isUserId(id: string): boolean {
  return USER_ID.test(id)
}

/**
 * The id of the signed-in user, or null for an anonymous session.
 *
 * @example
 * const userId = userIdOf(asData({ [USER_KEY]: '42' }))
 */
export function userIdOf(data: SessionData): string | null {
  const id = data[USER_KEY]
  return typeof id === 'string' && id !== '' ? id : null
}

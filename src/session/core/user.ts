import type { SessionData } from './data.ts'

/** Where a session keeps its user's id, as Django does; stores copy it to a column. */
export const USER_KEY = '_auth_user_id'

/** The signed-in user's id, or null for an anonymous session. */
export function userIdOf(data: SessionData): string | null {
  const id = data[USER_KEY]
  return typeof id === 'string' && id !== '' ? id : null
}

import type { UnchangingForm } from '../../support/routes.ts'

export const unchanging: readonly UnchangingForm[] = [
  { path: '/login', form: { username: 'nobody', password: 'wrong password' } },
  { path: '/login', form: { username: '', password: '', next: '/account' } },
  { path: '/logout', form: {} },
  { path: '/account/delete', form: { password: 'wrong password' } },
]

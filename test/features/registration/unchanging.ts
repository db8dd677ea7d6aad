import type { UnchangingForm } from '../../support/routes.ts'

export const unchanging: readonly UnchangingForm[] = [
  { path: '/register/1', form: {} },
  { path: '/register/1', form: { username: 'newcomer', fullName: 'New Comer', email: 'none' } },
  { path: '/register/2', form: { line1: 'Street 1' } },
  { path: '/register/3', form: { accept: 'true' } },
]

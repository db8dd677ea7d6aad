import type { UnchangingForm } from '../../support/routes.ts'

const password = 'velvet hammer umbrella'

export const unchanging: readonly UnchangingForm[] = [
  { path: '/password-reset', form: { account: 'nobody' } },
  { path: '/password-reset/new', form: { token: 'x', password, repeat: password } },
  { path: '/password-reset/new', form: { token: 'A'.repeat(43), password, repeat: password } },
]

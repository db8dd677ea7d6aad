import type { UnchangingForm } from '../../support/routes.ts'

export const unchanging: readonly UnchangingForm[] = [
  { path: '/preferences', form: { theme: 'light' } },
  { path: '/preferences', form: { theme: 'light', timezone: 'UTC', items_per_page: '20' } },
  {
    path: '/preferences',
    form: {
      theme: 'light',
      language: 'en',
      timezone: 'UTC',
      items_per_page: '20',
      'notifications.email': 'true',
      boxes: 'shown',
    },
  },
  { path: '/preferences', form: { theme: 'neon' } },
  { path: '/preferences/reset', form: {} },
]

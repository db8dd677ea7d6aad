import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /register': 'everyone',
  'GET /register/:step': 'everyone',
  'POST /register/:step': 'everyone',
}

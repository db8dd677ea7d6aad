import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /password-reset': 'everyone',
  'POST /password-reset': 'everyone',
  'GET /password-reset/new': 'everyone',
  'POST /password-reset/new': 'everyone',
}

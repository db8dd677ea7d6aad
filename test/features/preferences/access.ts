import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /preferences': 'everyone',
  'POST /preferences': 'everyone',
  'POST /preferences/reset': 'everyone',
}

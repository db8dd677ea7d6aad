import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /login': 'everyone',
  'POST /login': 'everyone',
  'POST /logout': 'everyone',
  'GET /account': 'users',
  'GET /account/password': 'users',
  'POST /account/password': 'users',
  'GET /account/delete': 'users',
  'POST /account/delete': 'users',
}

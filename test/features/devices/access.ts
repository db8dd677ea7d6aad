import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /account/sessions': 'users',
  'POST /account/sessions/:id/end': 'users',
  'POST /account/sessions/end-others': 'users',
}

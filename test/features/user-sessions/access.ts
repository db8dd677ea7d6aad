import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /staff/sessions': 'staff',
  'POST /staff/sessions/:user/end-all': 'staff',
  'POST /staff/sessions/:user/:id/end': 'staff',
}

import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /operations': 'staff',
}

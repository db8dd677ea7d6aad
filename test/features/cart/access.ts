import type { Access } from '../../support/routes.ts'

export const access: Access = {
  'GET /shop': 'everyone',
  'GET /cart': 'everyone',
  'POST /cart/items': 'everyone',
  'POST /cart/items/:productId': 'everyone',
  'POST /cart/items/:productId/remove': 'everyone',
  'POST /cart/clear': 'everyone',
  'POST /cart/checkout': 'users',
  'GET /orders': 'users',
  'GET /orders/:id': 'users',
}

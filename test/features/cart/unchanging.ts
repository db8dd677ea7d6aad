import type { UnchangingForm } from '../../support/routes.ts'

export const unchanging: readonly UnchangingForm[] = [
  { path: '/cart/clear', form: {} },
  { path: '/cart/items/1/remove', form: {} },
  { path: '/cart/items', form: { productId: '1', quantity: '0' } },
  { path: '/cart/items/1', form: { quantity: '100' } },
  { path: '/cart/checkout', form: { total: '1' } },
]

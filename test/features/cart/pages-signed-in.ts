import { goto, type PageStep } from '../../support/pages.ts'
import { signInOn } from '../account/pages.ts'

export const pages: readonly PageStep[] = [
  {
    name: 'order',
    open: async (page) => {
      await signInOn(page, 'grace')
      await page.goto('/shop')
      await page.click('.product button')
      await page.goto('/cart')
      await page.click('form[action="/cart/checkout"] button')
    },
  },
  { name: 'account with orders', open: goto('/account') },
  { name: 'orders', open: goto('/orders') },
]

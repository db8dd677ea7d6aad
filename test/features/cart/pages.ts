import { goto, type PageStep } from '../../support/pages.ts'

export const pages: readonly PageStep[] = [
  { name: 'shop', open: goto('/shop') },
  { name: 'shop, last page', open: goto('/shop?page=4') },
  { name: 'empty cart', open: goto('/cart') },
  { name: 'shop, added', open: (page) => page.goto('/shop').then(() => page.click('.product button')) },
  { name: 'filled cart', open: goto('/cart') },
  {
    name: 'cart, refused',
    open: (page) => page.fill('[name=quantity]', '0').then(() => page.click('.quantity button')),
  },
]

import { randomBytes } from 'node:crypto'
import { goto, type PageStep, send, sendUnchecked } from '../../support/pages.ts'

export const pages: readonly PageStep[] = [
  { name: 'registration, step 1', open: goto('/register/1') },
  { name: 'registration, step 1 with errors', open: sendUnchecked },
  {
    name: 'registration, step 2',
    open: async (page) => {
      await page.goto('/register/1')
      await send(page, {
        username: `axe${randomBytes(4).toString('hex')}`,
        fullName: 'A Name',
        email: 'a@example.com',
      })
    },
  },
  { name: 'registration, step 3', open: (page) => send(page, { line1: 'Street 1', postcode: '12345', city: 'Town' }) },
  { name: 'registration, not agreed', open: sendUnchecked },
  {
    name: 'new account',
    open: (page) =>
      page.check('#accept').then(() => send(page, { password: 'long-enough-1', repeat: 'long-enough-1' })),
  },
]

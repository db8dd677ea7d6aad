import type { Page } from 'playwright-core'
import { goto, type PageStep, send } from '../../support/pages.ts'

export async function signInOn(page: Page, username: string): Promise<void> {
  await page.goto('/login')
  await send(page, { username, password: `${username}-demo-password` })
  await page.waitForURL('**/account')
}

export const pages: readonly PageStep[] = [
  { name: 'sign in', open: goto('/login') },
  { name: 'sign in, refused', open: (page) => send(page, { username: 'nobody', password: 'wrong' }) },
  { name: 'sign in, signed out', open: goto('/login?signed-out') },
  { name: 'account', open: (page) => signInOn(page, 'grace') },
  { name: 'new password', open: goto('/account/password') },
  {
    name: 'new password, refused',
    open: (page) => send(page, { current: 'wrong', password: 'long-enough-1', repeat: 'another' }),
  },
  { name: 'delete account', open: goto('/account/delete') },
  { name: 'delete account, refused', open: (page) => send(page, { password: 'wrong' }) },
]

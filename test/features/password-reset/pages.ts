import { goto, type PageStep, send, sendUnchecked } from '../../support/pages.ts'

// Only three mails are sent to each user in a while.
const NAMES = ['grace', 'ada']
let sent = 0

export const pages: readonly PageStep[] = [
  { name: 'forgotten password', open: goto('/password-reset') },
  { name: 'forgotten password, refused', open: sendUnchecked },
  { name: 'forgotten password, sent', open: (page) => send(page, { account: NAMES[sent++ % NAMES.length] ?? '' }) },
  {
    name: 'mail',
    open: async (page) => {
      await page.goto('/dev/mail')
      // It is sent after the response to the form.
      for (let n = 0; n < 300 && (await page.locator('main a').count()) < sent; n++) await page.reload()
    },
  },
  { name: 'reset password', open: (page) => page.click('main a') },
  { name: 'reset password, refused', open: (page) => send(page, { password: 'short', repeat: 'other' }) },
  { name: 'link that is not valid', open: goto('/password-reset/new?token=x') },
]

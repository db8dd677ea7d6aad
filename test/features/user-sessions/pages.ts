import { goto, type PageStep } from '../../support/pages.ts'
import { signInOn } from '../account/pages.ts'

export const pages: readonly PageStep[] = [
  {
    name: 'sessions of a user',
    open: async (page) => {
      await signInOn(page, 'ada')
      await page.goto('/staff/sessions?user=ada')
    },
  },
  { name: 'sessions of nobody', open: goto('/staff/sessions?user=nobody') },
]

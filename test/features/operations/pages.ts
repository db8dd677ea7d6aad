import type { PageStep } from '../../support/pages.ts'
import { signInOn } from '../account/pages.ts'

export const pages: readonly PageStep[] = [
  {
    name: 'operations',
    scripts: true,
    open: async (page) => {
      await signInOn(page, 'ada')
      await page.goto('/operations')
    },
  },
]

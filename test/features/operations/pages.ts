import { type PageStep, signInAs } from '../../support/pages.ts'

export const pages: readonly PageStep[] = [
  {
    name: 'operations',
    scripts: true,
    open: async (page) => {
      await signInAs(page, 'ada')
      await page.goto('/operations')
    },
  },
]

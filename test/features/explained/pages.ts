import { goto, type PageStep } from '../../support/pages.ts'

/** It is there in development only; `/notes` stores something first. */
export const pages: readonly PageStep[] = [
  { name: 'session, empty', scripts: true, open: goto('/session') },
  {
    name: 'session',
    scripts: true,
    open: async (page) => {
      await page.request.post('/notes', { data: { name: 'milk' } })
      await page.goto('/session')
    },
  },
]

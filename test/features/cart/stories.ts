import type { Story } from '../../support/stories.ts'
import { add } from './steps.ts'

export const stories: readonly Story[] = [
  {
    name: 'a first product in a cart',
    status: 200,
    async begin(visit) {
      const browser = visit.browser()
      return () => add(browser, 2, 3)
    },
  },
  {
    name: 'one more product in a cart',
    status: 200,
    async begin(visit) {
      const browser = visit.browser()
      await add(browser, 2, 3)
      return () => add(browser, 1)
    },
  },
]

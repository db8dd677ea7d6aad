import type { Story } from '../../support/stories.ts'
import { choose } from './steps.ts'

export const stories: readonly Story[] = [
  {
    name: 'a preference',
    status: 200,
    async begin(visit) {
      const browser = visit.browser()
      await choose(browser, 'theme', 'dark')
      return () => choose(browser, 'timezone', 'Pacific/Chatham')
    },
  },
]

import { PASSWORD, type Story } from '../../support/stories.ts'
import { signIn } from '../account/steps.ts'
import { choose } from './steps.ts'

export const stories: readonly Story[] = [
  {
    name: 'a preference of an account',
    status: 200,
    async begin(visit) {
      const [browser, { username }] = [visit.browser(), await visit.user()]
      await signIn(browser, username, PASSWORD)
      return () => choose(browser, 'timezone', 'Pacific/Chatham')
    },
  },
]

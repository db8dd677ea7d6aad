import { type Refusal, refusing } from '../../support/refusals.ts'
import { PASSWORD } from '../../support/stories.ts'
import { signIn } from '../account/steps.ts'
import { choose } from './steps.ts'

export const refusals: readonly Refusal[] = [
  {
    name: 'a preference of an account',
    refuse: refusing('users', 'UPDATE'),
    async begin(visit) {
      const [browser, { username }] = [visit.browser(), await visit.user()]
      await signIn(browser, username, PASSWORD)
      return () => choose(browser, 'theme', 'dark')
    },
  },
]

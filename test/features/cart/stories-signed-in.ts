import { PASSWORD, type Story, type Visit } from '../../support/stories.ts'
import { signIn } from '../account/steps.ts'
import { add, checkOut } from './steps.ts'

async function withCart(visit: Visit) {
  const [browser, { username }] = [visit.browser(), await visit.user()]
  await add(browser, 2, 3)
  await signIn(browser, username, PASSWORD)
  return browser
}

export const stories: readonly Story[] = [
  {
    name: 'one more product in the cart of an account',
    status: 200,
    async begin(visit) {
      const browser = await withCart(visit)
      return () => add(browser, 1)
    },
  },
  {
    name: 'checkout',
    status: 200,
    async begin(visit) {
      const browser = await withCart(visit)
      return () => checkOut(browser)
    },
  },
]

import { NEW_PASSWORD, PASSWORD, type Story } from '../../support/stories.ts'
import { changePassword, signIn, signOut } from './steps.ts'

export const stories: readonly Story[] = [
  {
    name: 'sign-in',
    status: 303,
    async begin(visit) {
      const [browser, { username }] = [visit.browser(), await visit.user()]
      return () => signIn(browser, username, PASSWORD)
    },
  },
  {
    name: 'sign-in with a wrong password',
    status: 422,
    async begin(visit) {
      const [browser, { username }] = [visit.browser(), await visit.user()]
      return () => signIn(browser, username, NEW_PASSWORD)
    },
  },
  {
    name: 'a new password',
    status: 200,
    async begin(visit) {
      const [browser, { username }] = [visit.browser(), await visit.user()]
      await signIn(browser, username, PASSWORD)
      return () => changePassword(browser, PASSWORD, NEW_PASSWORD)
    },
  },
  {
    name: 'deletion of an account',
    status: 303,
    async begin(visit) {
      const [browser, { username }] = [visit.browser(), await visit.user()]
      await signIn(browser, username, PASSWORD)
      return () => browser.post('/account/delete', { password: PASSWORD })
    },
  },
  {
    name: 'logout',
    status: 303,
    async begin(visit) {
      const [browser, { username }] = [visit.browser(), await visit.user()]
      await signIn(browser, username, PASSWORD)
      return () => signOut(browser)
    },
  },
]

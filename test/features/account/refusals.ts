import { type Refusal, type Refuse, refusing } from '../../support/refusals.ts'
import { NEW_PASSWORD, PASSWORD } from '../../support/stories.ts'
import { changePassword, LOGIN, signIn } from './steps.ts'

const withoutUsers: Refuse = async (knex) => {
  await knex.schema.renameTable('users', 'users_elsewhere')
  return () => knex.schema.renameTable('users_elsewhere', 'users')
}

export const refusals: readonly Refusal[] = [
  {
    name: 'sign-in',
    refuse: withoutUsers,
    async begin(visit) {
      const [browser, { email }] = [visit.browser(), await visit.user()]
      return () => browser.post(LOGIN, { username: email, password: PASSWORD })
    },
  },
  {
    name: 'sign-in by JSON',
    refuse: withoutUsers,
    async begin(visit) {
      const [browser, { email }] = [visit.browser(), await visit.user()]
      return () => browser.json('POST', LOGIN, { username: email, password: PASSWORD })
    },
  },
  {
    name: 'a new password',
    refuse: refusing('users', 'UPDATE'),
    async begin(visit) {
      const [browser, { username }] = [visit.browser(), await visit.user()]
      await signIn(browser, username, PASSWORD)
      return () => changePassword(browser, PASSWORD, NEW_PASSWORD)
    },
  },
]

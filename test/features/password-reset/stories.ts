import { ResetTokens } from '../../../src/features/password-reset/tokens.ts'
import { NEW_PASSWORD, type Story } from '../../support/stories.ts'

// Nothing listens there, so that sending the mail fails as well.
export const env = { SMTP_URL: 'smtp://127.0.0.1:1' }

export const stories: readonly Story[] = [
  {
    name: 'a request for a new password',
    status: 200,
    async begin(visit) {
      const [browser, { email }] = [visit.browser(), await visit.user()]
      return async () => {
        const answer = await browser.post('/password-reset', { account: email })
        // The mail is sent after the answer.
        if (answer.status === 200) await visit.logged('mail was not sent')
        return answer
      }
    },
  },
  {
    name: 'a new password by a link',
    status: 303,
    async begin(visit) {
      const [browser, user] = [visit.browser(), await visit.user()]
      const token = await new ResetTokens(visit.app.services.knex, visit.app.services.users, 60).create(user)
      return () => browser.post('/password-reset/new', { token, password: NEW_PASSWORD, repeat: NEW_PASSWORD })
    },
  },
]

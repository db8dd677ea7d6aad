import { PASSWORD, type Story, type Visit } from '../../support/stories.ts'
import { signIn } from '../account/steps.ts'
import { list } from '../devices/steps.ts'

async function withStaff(visit: Visit) {
  const [user, staff] = [await visit.user(), await visit.user({ isStaff: true })]
  const [theirs, browser] = [visit.browser(), visit.browser()]
  await signIn(theirs, user.username, PASSWORD)
  await signIn(browser, staff.username, PASSWORD)
  const { sessions } = await list(theirs)
  return { browser, user, session: sessions[0]?.id ?? '' }
}

export const stories: readonly Story[] = [
  {
    name: 'staff look at the sessions of a user',
    status: 200,
    async begin(visit) {
      const { browser, user } = await withStaff(visit)
      return () => browser.json('GET', `/staff/sessions?user=${user.username}`)
    },
  },
  {
    name: 'staff end a session',
    status: 303,
    async begin(visit) {
      const { browser, user, session } = await withStaff(visit)
      return () => browser.post(`/staff/sessions/${user.id}/${session}/end`)
    },
  },
  {
    name: 'staff end all sessions of a user',
    status: 303,
    async begin(visit) {
      const { browser, user } = await withStaff(visit)
      return () => browser.post(`/staff/sessions/${user.id}/end-all`)
    },
  },
]

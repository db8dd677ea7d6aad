import { PASSWORD, type Story, type Visit } from '../../support/stories.ts'
import { signIn } from '../account/steps.ts'
import { end, endOthers, list } from './steps.ts'

async function withTwoDevices(visit: Visit) {
  const [here, there, { username }] = [visit.browser(), visit.browser(), await visit.user()]
  await signIn(there, username, PASSWORD)
  await signIn(here, username, PASSWORD)
  const { sessions } = await list(here)
  return { here, other: sessions.find(({ current }) => !current)?.id ?? '' }
}

export const stories: readonly Story[] = [
  {
    name: 'the end of a device',
    status: 303,
    async begin(visit) {
      const { here, other } = await withTwoDevices(visit)
      return () => end(here, other)
    },
  },
  {
    name: 'the end of all other devices',
    status: 303,
    async begin(visit) {
      const { here } = await withTwoDevices(visit)
      return () => endOthers(here)
    },
  },
]

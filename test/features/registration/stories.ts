import { PASSWORD, PLACE, type Story, stranger } from '../../support/stories.ts'
import { sendStep } from './steps.ts'

const place = { ...PLACE, language: 'en' }

export const stories: readonly Story[] = [
  {
    name: 'registration, person',
    status: 303,
    async begin(visit) {
      const browser = visit.browser()
      return () => sendStep(browser, 1, stranger())
    },
  },
  {
    name: 'registration, place',
    status: 303,
    async begin(visit) {
      const browser = visit.browser()
      await sendStep(browser, 1, stranger())
      return () => sendStep(browser, 2, place)
    },
  },
  {
    name: 'registration, password',
    status: 303,
    async begin(visit) {
      const browser = visit.browser()
      await sendStep(browser, 1, stranger())
      await sendStep(browser, 2, place)
      return () => sendStep(browser, 3, { accept: 'true', password: PASSWORD, repeat: PASSWORD })
    },
  },
]

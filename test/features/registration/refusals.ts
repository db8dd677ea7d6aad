import { type Refusal, refusing, refusingTwice } from '../../support/refusals.ts'
import { PASSWORD, PLACE, stranger, type Visit } from '../../support/stories.ts'
import { sendStep } from './steps.ts'

async function registration(visit: Visit, email?: string) {
  const browser = visit.browser()
  await sendStep(browser, 1, { ...stranger(), ...(email === undefined ? {} : { email }) })
  await sendStep(browser, 2, { ...PLACE, language: 'en' })
  return () => sendStep(browser, 3, { accept: 'true', password: PASSWORD, repeat: PASSWORD })
}

export const refusals: readonly Refusal[] = [
  {
    name: 'registration',
    refuse: refusing('users', 'INSERT'),
    begin: (visit) => registration(visit),
    logged: /"code":"[^"]+"[^\n]*"statement":"insert into [`\\"]+users/,
  },
  {
    name: 'registration with an address in use',
    refuse: refusingTwice('users', 'email'),
    begin: async (visit) => await registration(visit, (await visit.user()).email),
    logged: /UNIQUE constraint failed: users.email|one_per_email/,
  },
]

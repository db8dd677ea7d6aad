import test from 'ava'
import { hasStatistics } from '../../../src/session/stores/store.ts'
import { appWithNotes, signIn } from '../../support/notes-steps.ts'

const TAKEN = {
  'the role is taken away': { is_staff: false },
  'the account is disabled': { disabled_at: 1 },
  'the password is changed': { password_hash: 'another' },
}

for (const [what, change] of Object.entries(TAKEN)) {
  test(`a slow page for staff is not shown when ${what} meanwhile (ASVS 8.3.2)`, async (t) => {
    const app = await appWithNotes(t)
    const { store, knex } = app.services
    const staff = app.browser()
    await signIn(staff, 'ada')
    const headers = { cookie: await staff.cookie(), accept: 'application/json' }
    if (store === undefined || !hasStatistics(store)) return t.fail()
    const counts = store.statistics.bind(store)
    let asked = 0
    store.statistics = async () => {
      asked++
      await knex('users').where({ username: 'ada' }).update(change)
      return await counts()
    }
    const answer = await app.browser().get('/operations', headers)
    t.is(asked, 1)
    t.is(answer.status, 403, answer.text)
  })
}

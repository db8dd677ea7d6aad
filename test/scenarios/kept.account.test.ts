import { changePassword } from '../features/account/steps.ts'
import { LOCAL_ENGINES } from '../storage/set-ups.ts'
import { isSignedIn, note, notesOf } from '../support/notes-steps.ts'
import { customer } from './customer.ts'
import { PASSWORD } from './deployment.ts'
import { scenariosOn } from './support.ts'

const scenario = scenariosOn(LOCAL_ENGINES.filter(({ large }) => large !== true))

scenario(
  'a new password while another tab polls: no tab is signed out, and the account’s data are kept',
  async (t, deployment) => {
    const { signIn } = await customer(t, deployment)
    const [browser, elsewhere] = [await signIn(), await signIn()]
    await note(browser, 'milk', 2)
    let polling = true
    const poll = async () => {
      while (polling) await browser.json('GET', '/account')
    }
    const polls = [poll(), poll()]
    t.is((await changePassword(browser, PASSWORD, 'another long password')).status, 200)
    polling = false
    await Promise.all(polls)
    t.true(await isSignedIn(browser))
    t.deepEqual(await notesOf(browser), { milk: 2 })
    t.false(await isSignedIn(elsewhere))
  },
)

scenario(
  'three new passwords at once: one counts, the others are refused, and who changed it is signed in',
  async (t, deployment) => {
    const { signIn, username, device } = await customer(t, deployment)
    const devices = [await signIn(), await signIn(), await signIn()]
    const passwords = devices.map((_, n) => `the new password ${n}`)
    const answers = await Promise.all(devices.map((one, n) => changePassword(one, PASSWORD, passwords[n] ?? '')))
    // A session that the winner has ended already is not signed in any more.
    t.is(answers.filter(({ status }) => status === 200).length, 1)
    t.true(answers.every(({ status }) => [200, 401, 409].includes(status)))
    const winner = answers.findIndex(({ status }) => status === 200)
    for (const [n, one] of devices.entries()) t.is(await isSignedIn(one), n === winner)
    for (const [n, password] of passwords.entries()) {
      const { status } = await device().json('POST', '/login', { username, password })
      t.is(status, n === winner ? 200 : 422)
    }
  },
)

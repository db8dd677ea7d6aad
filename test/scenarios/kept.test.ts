import { LOCAL_ENGINES } from '../storage/set-ups.ts'
import { clearNotes, isSignedIn, note, notesOf, signOut } from '../support/notes-steps.ts'
import { customer } from './customer.ts'
import { scenariosOn } from './support.ts'

const scenario = scenariosOn(LOCAL_ENGINES.filter(({ large }) => large !== true))

scenario('what was cleared in an account stays cleared after sign-outs and sign-ins', async (t, deployment) => {
  const { signIn } = await customer(t, deployment)
  const browser = await signIn()
  await note(browser, 'milk')
  await signOut(browser)
  await signIn(browser)
  t.deepEqual(await notesOf(browser), { milk: 1 })
  await clearNotes(browser)
  await signOut(browser)
  await signIn(browser)
  t.deepEqual(await notesOf(browser), {})
})

scenario(
  'what the account keeps outlives the session: on the next device, and at once on signed-in ones',
  async (t, deployment) => {
    const { signIn } = await customer(t, deployment)
    const [lost, other] = [await signIn(), await signIn()]
    await note(lost, 'milk', 2)
    t.deepEqual(await notesOf(other), { milk: 2 })
    await lost.jar.removeAllCookies()
    t.deepEqual(await notesOf(lost), {})
    t.deepEqual(await notesOf(await signIn()), { milk: 2 })
  },
)

scenario('two devices add at once: both are in the account', async (t, deployment) => {
  const { signIn } = await customer(t, deployment)
  const [phone, laptop] = [await signIn(), await signIn()]
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, number) => note(number % 2 === 0 ? phone : laptop, `note${number}`)),
  )
  t.true(answers.every(({ status }) => status === 200))
  const all = Object.fromEntries(answers.map((_, number) => [`note${number}`, 1]))
  for (const one of [phone, laptop]) t.deepEqual(await notesOf(one), all)
})

scenario('a disabled account has no access from that moment', async (t, deployment) => {
  const { signIn, disable } = await customer(t, deployment)
  const browser = await signIn()
  await note(browser, 'milk')
  await disable()
  t.false(await isSignedIn(browser))
  t.deepEqual(await notesOf(browser), {})
})

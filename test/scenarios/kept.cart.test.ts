import { add, checkOut, quantities } from '../features/cart/steps.ts'
import { LOCAL_ENGINES } from '../storage/set-ups.ts'
import { signOut } from '../support/notes-steps.ts'
import { customer } from './customer.ts'
import { scenariosOn } from './support.ts'

const scenario = scenariosOn(LOCAL_ENGINES.filter(({ large }) => large !== true))

scenario('items bought on one device are in no other device’s cart', async (t, deployment) => {
  const { signIn, orders } = await customer(t, deployment)
  const phone = await signIn()
  await add(phone, 1, 3)
  const laptop = await signIn()
  t.deepEqual(await quantities(laptop), { 1: 3 })
  t.is((await checkOut(phone)).status, 200)
  for (const one of [phone, laptop, await signIn()]) t.deepEqual(await quantities(one), {})
  t.is((await checkOut(laptop)).status, 422)
  t.is(await orders(), 1)
})

scenario(
  'a check-out that overlaps a logout: the order exists and its lines are gone, or neither',
  async (t, deployment) => {
    for (let race = 0; race < 5; race++) {
      const { signIn, orders } = await customer(t, deployment)
      const browser = await signIn()
      await add(browser, 1, 2)
      await Promise.all([checkOut(browser), signOut(browser)])
      const again = await signIn()
      const ordered = await orders()
      t.true(ordered <= 1)
      t.deepEqual(await quantities(again), ordered === 1 ? {} : { 1: 2 }, `race ${race}`)
      await checkOut(again)
      t.is(await orders(), 1, 'trying again orders nothing twice')
    }
  },
)

scenario('20 check-outs of one cart at once give one order', async (t, deployment) => {
  const { signIn, orders } = await customer(t, deployment)
  const phone = await signIn()
  await add(phone, 1, 2)
  const laptop = await signIn()
  await Promise.all(Array.from({ length: 20 }, (_, n) => checkOut(n % 2 === 0 ? phone : laptop)))
  t.is(await orders(), 1)
  for (const one of [phone, laptop]) t.deepEqual(await quantities(one), {})
})

scenario('a disabled account orders nothing from that moment', async (t, deployment) => {
  const { signIn, orders, disable } = await customer(t, deployment)
  const browser = await signIn()
  await add(browser, 1)
  await disable()
  t.is((await checkOut(browser)).status, 401)
  t.is(await orders(), 0)
})

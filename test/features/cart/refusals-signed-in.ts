import type { Knex } from 'knex'
import { type Refusal, refusing, refusingTwice } from '../../support/refusals.ts'
import { PASSWORD, type Visit } from '../../support/stories.ts'
import { signIn } from '../account/steps.ts'
import { add, checkOut } from './steps.ts'

async function withCart(visit: Visit) {
  const [browser, { username }] = [visit.browser(), await visit.user()]
  await add(browser, 2, 3)
  await signIn(browser, username, PASSWORD)
  return browser
}

const order = async (visit: Visit) => {
  const browser = await withCart(visit)
  return () => checkOut(browser)
}

export const refusals: readonly Refusal[] = [
  {
    name: 'a cart of an account',
    refuse: refusing('users', 'UPDATE'),
    async begin(visit) {
      const browser = await withCart(visit)
      return () => add(browser, 1)
    },
  },
  { name: 'check-out', refuse: refusing('orders', 'INSERT'), begin: order },
  {
    name: 'lines of a check-out',
    refuse: refusing('order_lines', 'INSERT'),
    begin: order,
    logged: /"statement":"insert into [`\\"]+order_lines/,
  },
  {
    name: 'check-out of a product for the second time',
    refuse: refusingTwice('order_lines', 'name'),
    async begin(visit) {
      const browser = await withCart(visit)
      // So its token is in the table, and its product in an order.
      await checkOut(browser)
      await add(browser, 2)
      return () => checkOut(browser)
    },
    logged: /UNIQUE constraint failed: order_lines.name|one_per_name/,
  },
]

export async function secrets(knex: Knex): Promise<string[]> {
  const tokens: string[] = await knex('orders').pluck('checkout_token')
  const names: string[] = await knex('products').where({ id: 2 }).pluck('name')
  return [...tokens, ...names]
}

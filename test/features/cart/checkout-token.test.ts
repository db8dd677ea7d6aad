import { hash } from 'node:crypto'
import test from 'ava'
import { z } from 'zod'
import { startLogged } from '../../support/security-events.ts'
import { signIn } from '../account/steps.ts'
import { add, checkOut, quantities } from './steps.ts'

const accountData = z.object({ cart: z.object({ d: z.object({ token: z.string() }) }) })

for (const withLines of [false, true]) {
  test(`a token of another account's order ${withLines ? 'with' : 'without'} lines is 409, and loses nothing`, async (t) => {
    const { app, lines } = await startLogged(t)
    const { knex } = app.services
    const ada = app.browser()
    await signIn(ada, 'ada')
    await add(ada, 1, 2)
    const { id, account_data } = await knex('users').where({ username: 'ada' }).first()
    const { token } = accountData.parse(JSON.parse(account_data)).cart.d
    const checkout_token = hash('sha256', `${id} ${token}`, 'base64url')
    const grace = await knex('users').where({ username: 'grace' }).first('id')
    await knex('orders').insert({ id: 77, user_id: grace.id, checkout_token, total: 1, created_at: 1 })
    const line = { order_id: 77, product_id: 2, name: 'x', quantity: 1, unit_price: 1 }
    if (withLines) await knex('order_lines').insert(line)

    t.is((await checkOut(ada)).status, 409)
    t.deepEqual(await quantities(ada), { 1: 2 })
    t.deepEqual(await knex('order_lines').select('product_id'), withLines ? [{ product_id: 2 }] : [])
    t.is((await ada.get('/orders/77')).status, 404)
    t.is((await ada.post('/cart/clear')).status, 303)
    await add(ada, 1, 2)
    t.is((await checkOut(ada)).status, 200, 'what the page says helps')
    t.deepEqual(
      lines.filter(({ level }) => level >= 50),
      [],
      'it is no error of the server',
    )
  })
}

import test from 'ava'
import { startApp } from '../../support/app.ts'
import { testDatabase } from '../../support/databases.ts'
import { signIn } from '../account/steps.ts'
import { add, checkOut, quantities } from './steps.ts'

/** Cart and order as one transaction, on a database whose connections really overlap. */
export function checkoutsOn(name: 'PostgreSQL' | 'MariaDB'): void {
  const database = testDatabase(name)
  if (database === undefined) return

  test(`${name}: 20 checkouts and 10 additions at once from two devices: nothing is lost or ordered twice`, async (t) => {
    const { url, drop } = await database.fresh()
    const app = await startApp({ DATABASE_URL: url })
    t.teardown(async () => {
      await app.close()
      await drop()
    })
    const devices = [app.browser(), app.browser()] as const
    for (const device of devices) await signIn(device, 'ada')
    await add(devices[0], 1, 2)
    const requests = Array.from({ length: 30 }, (_, n) => {
      const device = devices[n % 2 === 0 ? 0 : 1]
      return n % 3 === 0 ? add(device, 1) : checkOut(device)
    })
    for (const { status } of await Promise.all(requests)) t.true([200, 422].includes(status), String(status))
    const left = (await quantities(devices[1]))[1] ?? 0
    const lines = await app.services.knex('order_lines').sum({ sum: 'quantity' }).first()
    t.is(Number(lines?.['sum']) + left, 12)
    const orders = await app.services.knex('orders').pluck('id')
    const ordered = await app.services.knex('order_lines').distinct('order_id').pluck('order_id')
    t.is(orders.length, ordered.length)
    const listed = (await devices[0].json('GET', '/orders')).json<{ orders: { items: number }[] }>()
    t.is(listed.orders.reduce((sum, { items }) => sum + items, 0) + left, 12, 'the list counts them, too')
  })
}

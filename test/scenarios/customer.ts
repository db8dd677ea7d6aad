import type { ExecutionContext } from 'ava'
import * as notes from '../support/notes-steps.ts'
import type { Deployment } from './deployment.ts'

/** A user with an account, on as many devices as needed; every second one in the other process. */
export async function customer(t: ExecutionContext, deployment: Deployment) {
  const shops = [await deployment.shop(t), await deployment.shop(t, 1)] as const
  const { id, username } = await deployment.account()
  const { knex } = shops[0].services
  let devices = 0
  const device = () => shops[devices++ % 2 === 0 ? 0 : 1].browser()
  const signIn = async (browser = device()) => {
    t.is((await notes.signIn(browser, username)).status, 200)
    return browser
  }
  return {
    username,
    device,
    /** Signs in, on another device unless one is given. */
    signIn,
    async orders(): Promise<number> {
      return (await knex('orders').where({ user_id: Number(id) })).length
    },
    disable: async () =>
      void (await knex('users')
        .where({ id: Number(id) })
        .update({ disabled_at: Date.now() })),
  }
}

import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '../../../src/database.ts'
import { MigratingRevocations } from '../../../src/session/engines/migrating/revocations.ts'
import { DatabaseRevocations } from '../../../src/session/stores/database/database-revocations.ts'
import { migratedSqlite } from '../../support/databases.ts'

const SOON = Date.now() + 1e9

async function tables(t: ExecutionContext) {
  let time = Date.now()
  const now = () => time++
  const open = async () => {
    const knex = openDatabase(await migratedSqlite(t))
    t.teardown(() => knex.destroy())
    return new DatabaseRevocations({ knex, now })
  }
  const [source, target] = [await open(), await open()]
  const both = (moves: boolean) => new MigratingRevocations({ source, target, moves, now })
  return { source, target, both }
}

test('while revocations migrate, those of either database count', async (t) => {
  const { source, target, both } = await tables(t)
  await source.endSession('old', SOON)
  await target.endSession('new', SOON)
  await source.endUser('7', SOON, 'kept')
  const state = await both(false).check('7', 'old')
  t.true(state.ended)
  t.true((await both(false).check('7', 'new')).ended)
  t.deepEqual(state, { ...(await source.check('7', 'old')) })
  t.false((await both(false).check('8', 'other')).ended)
})

test('what is revoked in either step is in both databases', async (t) => {
  const { source, target, both } = await tables(t)
  for (const moves of [false, true]) {
    await both(moves).endSession(`s${moves}`, SOON, 0, 'next')
    await both(moves).endUser(`u${moves}`, SOON)
    for (const table of [source, target]) {
      t.like(await table.check(`u${moves}`, `s${moves}`), { ended: true })
      const { epoch } = await table.check(`u${moves}`, 'x')
      t.true(epoch > 0)
      t.is(epoch, (await source.check(`u${moves}`, 'x')).epoch, 'a sign-in in between has an epoch of both')
      t.truthy((await table.check('', `s${moves}`)).successor)
    }
  }
})

test('what was revoked before is copied as soon as every process writes to both', async (t) => {
  const { source, target, both } = await tables(t)
  for (let n = 0; n < 1001; n++) await source.endSession(`s${n}`, SOON)
  await source.endUser('7', SOON)
  await both(false).assertReady()
  t.false((await target.check('7', 's3')).ended)
  await both(true).assertReady()
  for (const n of [0, 500, 1000]) t.true((await target.check('7', `s${n}`)).ended)
  t.is((await target.check('7', '')).epoch, (await source.check('7', '')).epoch)
})

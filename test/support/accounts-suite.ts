import test from 'ava'
import type { Knex } from 'knex'
import { migrate, openDatabase } from '../../src/database.ts'
import { UsernameTakenError, Users } from '../../src/users.ts'
import { testDatabase } from './databases.ts'

const CART = { v: 1, t: 100, d: { token: 'a', quantities: { 1: 2 } } }
/** The migration that gave accounts their data. */
const FIRST_ROLLED = '20261121000002'

async function rollBack(knex: Knex): Promise<void> {
  for (;;) {
    const done = await knex('knex_migrations').orderBy('name', 'desc').first('name')
    if (done.name < FIRST_ROLLED) return
    await knex.migrate.down()
  }
}

/** Accounts in the users table, on a database of this kind. */
export function accountsSuite(name: 'SQLite' | 'PostgreSQL' | 'MariaDB'): void {
  const database = testDatabase(name)
  if (database === undefined) return

  const open = async (t: import('ava').ExecutionContext) => {
    const { url, drop } = await database.fresh()
    const knex = openDatabase(url)
    t.teardown(async () => {
      await knex.destroy()
      await drop()
    })
    await migrate(knex)
    const users = new Users(knex, ['a secret'])
    const made = (username: string) =>
      users.create({ username, email: 'a@example.org', fullName: 'A', passwordHash: `hash of ${username}` })
    return { knex, users, made }
  }

  test(`${name}: ids of users of another application are unknown, however large they are`, async (t) => {
    const { users, made } = await open(t)
    const { id } = await made('ada')
    t.is((await users.byId(id))?.username, 'ada')
    for (const other of ['2147483647', '2147483648', '999999999999999', '9'.repeat(40), 'b7f5', `0${id}`, '']) {
      t.is(await users.byId(other), undefined, other)
    }
  })

  test(`${name}: saved slices are copied to the accounts, also those saved by an older process meanwhile, and back`, async (t) => {
    const { knex, users, made } = await open(t)
    const [{ id }, other] = [await made('ada'), await made('grace')]
    await rollBack(knex)
    t.false(await knex.schema.hasColumn('users', 'account_data'))
    const save = (slice: string, data: unknown, user = id) =>
      knex('saved_slices')
        .insert({ user_id: Number(user), slice, data: JSON.stringify(data), updated_at: 1 })
        .onConflict(['user_id', 'slice'])
        .merge()
    await save('cart', CART)
    await save('preferences', { v: 1, t: 100, d: { theme: 'dark' } })
    await knex.migrate.up()
    t.like((await users.byId(id))?.account, { data: { cart: CART }, version: 1 })

    // An older process signs a user out; a newer one has changed the cart since.
    await save('cart', { ...CART, t: 150 })
    await save('preferences', { v: 1, t: 300, d: { theme: 'light' } })
    await save('cart', CART, other.id)
    const changed = { ...CART, t: 200, d: { token: 'b', quantities: {} } }
    const data = { cart: changed, preferences: { v: 1, t: 200, d: { theme: 'dark' } } }
    t.true(await users.saveAccount({ userId: id, version: 1, data }))
    await knex.migrate.up()
    t.false(await knex.schema.hasTable('saved_slices'))
    t.like((await users.byId(id))?.account.data, { cart: changed, preferences: { d: { theme: 'light' } } })
    t.like((await users.byId(other.id))?.account.data, { cart: CART })

    await rollBack(knex)
    t.deepEqual(
      await knex('saved_slices')
        .where({ user_id: Number(id) })
        .orderBy('slice')
        .pluck('slice'),
      ['cart', 'preferences'],
    )
    t.is((await knex('users').select('id')).length, 2)
  })

  test(`${name}: of two saves of one version one succeeds; a disabled account refuses both`, async (t) => {
    const { knex, users, made } = await open(t)
    const { id: userId } = await made('ada')
    const save = (data: Record<string, number>, version = 0) => users.saveAccount({ userId, version, data })
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, n) => save({ n })))
    t.is(outcomes.filter((saved) => saved).length, 1)
    t.is((await users.byId(userId))?.account.version, 1)
    await knex('users').update({ disabled_at: 1 })
    t.false(await save({ n: 9 }, 1))
    t.false(await users.saveAccount({ userId: '999', version: 0, data: {} }))
    t.is((await knex('users').select('id')).length, 1)
  })

  test(`${name}: a taken username is reported, and other constraint errors create no row`, async (t) => {
    const { knex, users, made } = await open(t)
    await made('ada')
    const again = { username: 'Ada', email: 'b@example.org', fullName: 'B', passwordHash: 'another' }
    await t.throwsAsync(users.create(again), { instanceOf: UsernameTakenError })
    const broken = { ...again, username: 'grace', fullName: null as unknown as string }
    const error = await t.throwsAsync(users.create(broken))
    t.false(error instanceof UsernameTakenError)
    t.deepEqual(await knex('users').pluck('username_key'), ['ada'])
  })

  test(`${name}: unreadable account data do not count as empty`, async (t) => {
    const { knex, users, made } = await open(t)
    const { id } = await made('ada')
    for (const [text, unreadable] of [
      ['{"cart": {"v"', true],
      ['[]', true],
      ['', true],
      [null, undefined],
      ['{}', undefined],
    ] as const) {
      await knex('users').update({ account_data: text })
      const account = (await users.byId(id))?.account
      t.deepEqual([account?.unreadable, { ...account?.data }], [unreadable, {}], String(text))
    }
  })

  test(`${name}: of several concurrent password changes one succeeds, and requests that read the old account save nothing`, async (t) => {
    const { users, made } = await open(t)
    const user = await made('ada')
    const changed = await Promise.all(['first hash', 'second hash'].map((one) => users.changePassword(user, one)))
    const [won] = changed.filter((one) => one !== undefined)
    t.is(changed.filter((one) => one !== undefined).length, 1)
    t.is((await users.byId(user.id))?.passwordHash, won?.passwordHash)
    t.false(await users.saveAccount({ userId: user.id, version: user.account.version, data: {} }))
  })
}

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { check } from './kit/history.ts'
import { Load } from './kit/load.ts'

const UNSETTLED_MS = 300

test('the last pages are read late enough that a change that is still missing is refused', async (t) => {
  let adds = 0
  const server = createServer((request, response) => {
    request.resume()
    // The first attempt has no answer, its repeat is answered well, and no page ever shows the item.
    response.statusCode = request.url === '/load/add' && ++adds === 1 ? 503 : 200
    response.end(JSON.stringify({ username: 'ada', session: 'load.ada.1', items: [], prefs: {} }))
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const load = new Load({ ports: [port], users: ['ada'], tabs: 1, name: 'load', unsettledMs: UNSETTLED_MS })
  const [ada] = load.visitors
  if (ada === undefined) return t.fail()
  await load.signIn(ada, 0)
  await load.add(ada, 0, 'ada', true)
  const outcomes = load.history.map(({ outcome }) => outcome)
  t.deepEqual(outcomes, ['ok', 'unknown', 'ok'])
  await load.readAll()
  t.is(check(load.history, { unsettledMs: UNSETTLED_MS }).lost.length, 1)
})

import test from 'ava'
import redis from '../../../src/storage/caches/redis.ts'
import cachedDb from '../../../src/storage/engines/cached-db.ts'
import { appWithNotes, note, signIn } from '../../support/notes-steps.ts'
import { RedisServers } from '../../support/redis-servers.ts'
import { serviceUrl } from '../../support/services.ts'
import { OPERATIONS, scrape } from './steps.ts'

const program = serviceUrl('redisServer')
const SLOW = 'holdfast_cache_server_slow_command_seconds'

if (program !== undefined) {
  test('slow commands of Redis are shown by name and duration, without keys and values', async (t) => {
    const server = await new RedisServers(t, program).start(['--slowlog-log-slower-than', '0'])
    const env = { SESSION_ENGINE: cachedDb.name, CACHE_URL: `${redis.name}://127.0.0.1:${server.port}` }
    const app = await appWithNotes(t, env)
    const staff = app.browser()
    await signIn(staff, 'ada')
    await note(staff, 'private_matter')
    await server.command('SET', 'another:key', 'a-secret-value')
    const { series, text } = await scrape(app)
    const commands = series.flatMap(({ name, labels }) => (name === SLOW ? [labels['command'] ?? ''] : []))
    t.true(commands.includes('SET'), commands.join())
    t.true(commands.length <= 10)
    for (const command of commands) t.regex(command, /^[A-Z][A-Z0-9._-]*$/)
    const page = (await staff.get(OPERATIONS)).text
    t.regex(page, />Latest slow commands<\/summary>/)
    t.regex(page, /<dt>SET, [^<]+<\/dt><dd>[\d.]+.ms<\/dd>/)
    const keys = await server.command('KEYS', '*')
    t.true(Array.isArray(keys) && keys.length > 1)
    const secrets = [...(Array.isArray(keys) ? keys.map(String) : []), 'a-secret-value', 'private_matter']
    for (const secret of secrets) for (const shown of [text, page]) t.false(shown.includes(secret), secret)

    await server.command('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
    await server.command('SLOWLOG', 'RESET')
    t.is((await scrape(app)).series.filter(({ name }) => name === SLOW).length, 0, 'none is left over')
  })

  test('a user of Redis who may not read the slow log has the other figures', async (t) => {
    const server = await new RedisServers(t, program).start()
    await server.command('ACL', 'SETUSER', 'app', 'on', '>a-s3cret-word', '~*', '&*', '+@all', '-slowlog|get')
    const url = `${redis.name}://app:a-s3cret-word@127.0.0.1:${server.port}`
    const app = await appWithNotes(t, { SESSION_ENGINE: cachedDb.name, CACHE_URL: url })
    const { value } = await scrape(app)
    t.is(value('holdfast_cache_server', { server: '0', figure: 'up' }), 1)
    t.is(value('holdfast_cache_server', { server: '0', figure: 'slow_log' }), 0)
  })
}

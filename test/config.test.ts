import { readFileSync } from 'node:fs'
import test from 'ava'
import { readConfig, variableNames } from '../src/config.ts'
import { loadFeatures } from '../src/features/index.ts'
import { ConfigError } from '../src/settings.ts'
import { engines, formats } from '../src/storage/index.ts'

const SECRET = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough'
const read = (env: Record<string, string>) => readConfig({ SECRET_KEY: SECRET, ...env })

test('the defaults are those of the documents', (t) => {
  const { session, port, mode } = read({})
  t.like(session, {
    engine: engines[0]?.name,
    format: formats[0]?.name,
    table: formats[0]?.table,
    serializer: 'json',
    maxBytes: 65_536,
    saveEveryRequest: false,
  })
  t.deepEqual(session.cookie, {
    name: '__Host-sessionid',
    path: '/',
    domain: undefined,
    secure: true,
    httpOnly: true,
    sameSite: 'Lax',
    maxSize: 4096,
  })
  t.deepEqual(session.expiry, {
    cookieAge: 1_209_600,
    idleAge: undefined,
    absoluteAge: 2_592_000,
    atBrowserClose: false,
    touchAfter: 0.1,
  })
  t.deepEqual([port, mode], [3000, 'production'])
})

test('the absolute age can be changed and switched off', (t) => {
  const age = (value: string) => read({ SESSION_ABSOLUTE_AGE: value }).session.expiry.absoluteAge
  t.deepEqual(['86400', '', '0', 'none'].map(age), [86_400, 2_592_000, undefined, undefined])
  for (const wrong of ['-1', 'never', '1.5']) t.throws(() => age(wrong), { message: /^SESSION_ABSOLUTE_AGE is wrong/ })
})

test('in production the cookie is Secure and __Host-, where path and domain allow it (ASVS 3.3.1, 3.3.3)', (t) => {
  const name = (env: Record<string, string>) => read({ NODE_ENV: 'production', ...env }).session.cookie
  t.like(name({}), { name: '__Host-sessionid', secure: true })
  t.like(name({ SESSION_COOKIE_PATH: '/app' }), { name: 'sessionid', secure: true })
  t.like(name({ SESSION_COOKIE_DOMAIN: 'example.com' }), { name: 'sessionid' })
  const insecure = { SESSION_COOKIE_SECURE: 'false', ALLOW_INSECURE_COOKIES: 'true' }
  t.like(name(insecure), { name: 'sessionid', secure: false })
})

test('production refuses a cookie that is not Secure and HttpOnly, unless a setting allows it', (t) => {
  for (const variable of ['SESSION_COOKIE_SECURE', 'SESSION_COOKIE_HTTPONLY']) {
    const env = { NODE_ENV: 'production', [variable]: 'false' }
    const message = new RegExp(`^${variable}=false is refused in production`)
    t.throws(() => read(env), { instanceOf: ConfigError, message })
    t.notThrows(() => read({ ...env, ALLOW_INSECURE_COOKIES: 'true' }))
    t.notThrows(() => read({ ...env, NODE_ENV: 'development' }))
  }
})

test('an invalid variable is reported in one sentence with its name', (t) => {
  const wrong: [Record<string, string>, RegExp][] = [
    [{ PORT: 'http' }, /^PORT is wrong/],
    [{ PORT: '70000' }, /^PORT is wrong/],
    [{ NODE_ENV: 'prod' }, /^NODE_ENV is wrong/],
    [{ NODE_ENV: 'Development' }, /^NODE_ENV is wrong/],
    ...['app.example:443', 'app.example', 'ftp://app.example', 'https://app.example/shop', 'https://app.example?a=1']
      .concat('https://app.example#a', 'https://me@app.example', 'https://:secret@app.example')
      .map((PUBLIC_ORIGIN): [Record<string, string>, RegExp] => [
        { PUBLIC_ORIGIN },
        /^PUBLIC_ORIGIN is wrong: must be http:\/\/ or https:\/\/ and a host, without a path\.$/,
      ]),
    [{ DATABASE_URL: 'mongodb://x' }, /^DATABASE_URL is wrong: must start with sqlite:/],
    [{ SESSION_ENGINE: 'redis' }, /^SESSION_ENGINE is wrong/],
    [{ SESSION_COOKIE_SAMESITE: 'lax' }, /^SESSION_COOKIE_SAMESITE is wrong/],
    [{ SESSION_COOKIE_AGE: '-1' }, /^SESSION_COOKIE_AGE is wrong/],
    [{ SESSION_TOUCH_AFTER: '2' }, /^SESSION_TOUCH_AFTER is wrong/],
    [{ SESSION_TABLE: 'a;b' }, /^SESSION_TABLE is wrong/],
    [{ SESSION_COOKIE_MAX_SIZE: '9999' }, /^SESSION_COOKIE_MAX_SIZE is wrong/],
    [
      { NODE_ENV: 'test', SESSION_COOKIE_SAMESITE: 'None' },
      /^SESSION_COOKIE_SAMESITE=None needs SESSION_COOKIE_SECURE=true/,
    ],
  ]
  for (const [env, message] of wrong) t.throws(() => read(env), { instanceOf: ConfigError, message })
})

test('production refuses missing, short and example secrets, fallbacks too (ASVS 13.3.1)', (t) => {
  const production = (env: Record<string, string>) => () => readConfig({ NODE_ENV: 'production', ...env })
  t.throws(production({}), { message: /^SECRET_KEY is missing/ })
  t.throws(production({ SECRET_KEY: 'x7#kQ' }), { message: /too short/ })
  t.throws(production({ SECRET_KEY: 'please-change-me-please-change-me-please' }), { message: /example/ })
  t.throws(production({ SECRET_KEY: 'a'.repeat(64) }), { message: /example/ })
  t.throws(production({ SECRET_KEY: SECRET, SECRET_KEY_FALLBACKS: 'short' }), {
    message: /^SECRET_KEY_FALLBACKS is too short/,
  })
  t.deepEqual(production({ SECRET_KEY: SECRET, SECRET_KEY_FALLBACKS: `${SECRET}2,${SECRET}3` })().secrets, [
    SECRET,
    `${SECRET}2`,
    `${SECRET}3`,
  ])
})

test('every mode refuses a short secret; development accepts a short fallback', (t) => {
  for (const NODE_ENV of ['development', 'test', 'production']) {
    t.throws(() => readConfig({ NODE_ENV, SECRET_KEY: 'x7#kQ' }), { instanceOf: ConfigError, message: /too short/ })
  }
  t.deepEqual(read({ NODE_ENV: 'development', SECRET_KEY_FALLBACKS: 'x7#kQ,' }).secrets, [SECRET, 'x7#kQ'])
})

test('.env.example contains every variable with its default', async (t) => {
  const example = Object.fromEntries(
    readFileSync('.env.example', 'utf8')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  const ofFeatures = (await loadFeatures()).flatMap(({ settings }) => Object.keys(settings.variables))
  t.deepEqual(Object.keys(example).sort(), [...variableNames, ...ofFeatures].sort())
  const { SECRET_KEY: _secret, ...rest } = example
  t.deepEqual(readConfig({ ...rest, SECRET_KEY: SECRET }), read({}))
})

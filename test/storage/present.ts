import test from 'ava'
import { caches, engines, formats, parts } from '../../src/storage/index.ts'

type Env = Readonly<Record<string, string>>

/** Whether the project has all of these parts: a test about one of them runs where it is there. */
export function has(...names: readonly string[]): boolean {
  return names.every((name) => parts.some((part) => part.name === name))
}

/** Whether the project has the parts that these settings name. */
export function isPossible(env: Env): boolean {
  const { SESSION_ENGINE, SESSION_FORMAT, SESSION_SERIALIZER = 'json', SESSION_MOVING_FROM, CACHE_URL } = env
  const from = SESSION_MOVING_FROM === undefined ? [] : ['migrating', ...SESSION_MOVING_FROM.split(',')]
  const named = [SESSION_ENGINE, SESSION_FORMAT, ...from].filter((name) => name !== undefined)
  const engine = engines.find(({ name }) => name === SESSION_ENGINE) ?? engines[0]
  const format = formats.find(({ name }) => name === SESSION_FORMAT) ?? formats[0]
  if (format?.validate?.(SESSION_SERIALIZER) !== undefined || (format?.shared && !engine?.shareable)) return false
  const needsCache = [engine, ...engines.filter(({ name }) => from.includes(name))].some((one) =>
    one?.requires.includes('cache'),
  )
  const hasCache = caches.some(({ address, defaultAddress }) =>
    CACHE_URL === undefined ? defaultAddress !== undefined : address.test(CACHE_URL),
  )
  return has(...named) && (hasCache || (CACHE_URL === undefined && !needsCache))
}

/** ava's `test` where the project has the parts that these settings name; elsewhere the test is skipped. */
export function testOn(env: Env) {
  return isPossible(env) ? test : test.skip
}

/** As {@link testOn}, one after the other. */
export function serialOn(env: Env) {
  return isPossible(env) ? test.serial : test.serial.skip
}

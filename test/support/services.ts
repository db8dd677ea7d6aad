const VARIABLES = {
  postgres: 'TEST_POSTGRES_URL',
  mariadb: 'TEST_MARIADB_URL',
  chromium: 'TEST_CHROMIUM',
  redis: 'TEST_REDIS_URL',
  redisServer: 'TEST_REDIS_SERVER',
  memcached: 'TEST_MEMCACHED_URL',
  djangoPython: 'TEST_DJANGO_PYTHON',
} as const

/**
 * Where the test run has a service, or undefined where it was left out. Suites register themselves only where it is
 * there; `npm test` counts and names what it left out.
 */
export function serviceUrl(name: keyof typeof VARIABLES): string | undefined {
  return process.env[VARIABLES[name]] || undefined
}

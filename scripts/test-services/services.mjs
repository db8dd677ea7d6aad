import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { findPostgres, preparePostgres } from './postgres.mjs'
import { findProgram, freePort, startServer, whenListening } from './processes.mjs'

const isRoot = process.getuid?.() === 0
const LOCAL = '127.0.0.1'

/**
 * The services of the tests. Each has the variable with the URL of a running one, the suites that need it, the Debian package,
 * how to find the program, and how to start a private one in a separate folder, which returns its URL and process.
 */
export const SERVICES = [
  {
    name: 'postgres',
    variable: 'TEST_POSTGRES_URL',
    suites: 'test/**/*-postgresql.test.ts',
    packageName: 'postgresql',
    find: findPostgres,
    async start(program, folder, durable = false) {
      const start = preparePostgres(program, join(folder, 'postgres'))
      return await start(await freePort(), durable ? ['fsync=on'] : ['synchronous_commit=off'])
    },
  },
  {
    name: 'mariadb',
    variable: 'TEST_MARIADB_URL',
    suites: 'test/**/*-mariadb.test.ts',
    packageName: 'mariadb-server',
    find: () => findProgram(['mariadbd', 'mysqld'], ['/usr/sbin', '/usr/libexec']),
    async start(program, folder, durable = false) {
      const port = await freePort()
      const data = join(folder, 'mariadb')
      const install = findProgram(['mariadb-install-db', 'mysql_install_db'])
      const user = isRoot ? ['--user=root'] : []
      const login = ['--auth-root-authentication-method=normal', '--skip-test-db']
      execFileSync(install, ['--no-defaults', `--datadir=${data}`, ...login, ...user], { stdio: 'ignore' })
      const quick = [
        `--innodb-flush-log-at-trx-commit=${durable ? 1 : 0}`,
        '--skip-log-bin',
        '--max-connections=200',
        '--skip-name-resolve',
      ]
      const place = [`--datadir=${data}`, `--socket=${join(data, 'sock')}`, `--port=${port}`, `--bind-address=${LOCAL}`]
      const child = startServer(program, ['--no-defaults', ...place, ...quick, ...user])
      await whenListening(port, child)
      const client = findProgram(['mariadb', 'mysql'])
      execFileSync(client, [
        '--no-defaults',
        `--socket=${join(data, 'sock')}`,
        '-uroot',
        '-e',
        `CREATE DATABASE holdfast CHARACTER SET utf8mb4; CREATE USER test@'${LOCAL}' IDENTIFIED BY 'test'; GRANT ALL ON *.* TO test@'${LOCAL}'`,
      ])
      return { url: `mysql://test:test@${LOCAL}:${port}/holdfast`, child }
    },
  },
  {
    name: 'chromium',
    variable: 'TEST_CHROMIUM',
    suites: 'test/**/browser/*.test.ts',
    packageName: 'chromium',
    find: () => findProgram(['chromium', 'chromium-browser', 'google-chrome']),
    // Tests start browsers themselves; they only need its path.
    start: async (program) => ({ url: program }),
  },
  {
    name: 'redis',
    variable: 'TEST_REDIS_URL',
    suites: 'test/**/*-redis.test.ts',
    packageName: 'redis-server',
    find: () => findProgram(['redis-server']),
    async start(program, folder) {
      const port = await freePort()
      const settings = ['--port', String(port), '--bind', LOCAL, '--dir', folder, '--save', '', '--databases', '64']
      const child = startServer(program, settings)
      await whenListening(port, child)
      return { url: `redis://${LOCAL}:${port}`, child }
    },
  },
  {
    name: 'redis-server',
    variable: 'TEST_REDIS_SERVER',
    suites: 'test/**/*-redis-servers.test.ts',
    packageName: 'redis-server',
    find: () => findProgram(['redis-server']),
    // Clusters, sentinels and servers that a test kills: tests start those themselves.
    start: async (program) => ({ url: program }),
  },
  {
    name: 'memcached',
    variable: 'TEST_MEMCACHED_URL',
    suites: 'test/**/*-memcached.test.ts',
    packageName: 'memcached',
    find: () => findProgram(['memcached']),
    async start(program) {
      const ports = [await freePort(), await freePort()]
      const user = isRoot ? ['-u', 'nobody'] : []
      const children = ports.map((port) => startServer(program, ['-l', LOCAL, '-p', String(port), '-U', '0', ...user]))
      await Promise.all(ports.map((port, index) => whenListening(port, children[index])))
      return { url: `memcached://${ports.map((port) => `${LOCAL}:${port}`).join(',')}`, children }
    },
  },
  {
    name: 'django',
    variable: 'TEST_DJANGO_PYTHON',
    suites: 'test/**/*-django.test.ts',
    packageName: 'python3-django',
    find: pythonWithDjango,
    // Tests start the site themselves; they need a Python that has Django.
    start: async (program) => ({ url: program }),
  },
]

/** A Python that can import Django: Debian's package belongs to its own Python, which may not be the first one on PATH. */
function pythonWithDjango() {
  const pythons = ['/usr/bin/python3', '/usr/bin/python3.11', findProgram(['python3'])].filter(
    (file) => file !== undefined,
  )
  return pythons.find((python) => spawnSync(python, ['-c', 'import django'], { stdio: 'ignore' }).status === 0)
}

import { join } from 'node:path'
import type { Knex } from 'knex'
import { migrate, openDatabase } from '../../../src/database.ts'
import { Users } from '../../../src/users.ts'
import { type TcpProxy, tcpProxy } from '../../session/stores/tcp-proxy.ts'
import { TEST_SECRET } from '../../support/app.ts'
import type { Owner } from '../../support/project.ts'
import { serviceUrl } from '../../support/services.ts'
import { App, cloneWithLoad } from '../kit/apps.ts'
import {
  type Backend,
  memcachedBackend,
  newFolder,
  postgresBackend,
  type RedisBackend,
  redisBackend,
} from '../kit/backends.ts'
import { smallDisk } from '../kit/limits.ts'
import { Load } from '../kit/load.ts'
import type { SetUp } from './set-ups.ts'

const CLIENTS = 8
const DISK_MEGABYTES = 24
const LOCAL = '127.0.0.1'

/** Short, so that a fault is felt soon. */
const TIMEOUTS = { SESSION_STORE_TIMEOUT: '500', CACHE_CONNECT_TIMEOUT: '3000', CACHE_COMMAND_TIMEOUT: '250' }

/** A running set-up: its servers, its processes, and a load. */
export interface Site {
  readonly setUp: SetUp
  readonly apps: readonly App[]
  readonly env: Readonly<Record<string, string>>
  readonly folder: string
  /** The sessions' files, where the engine has files. */
  readonly files: string
  /** The folder of the SQLite file, if that is on a small disk. */
  readonly disk: string | undefined
  /** The server of the set-up; undefined if it has none. */
  readonly server: Backend | undefined
  readonly redis: RedisBackend | undefined
  /** The network to that server, or between the visitors and the application; one for each process. */
  readonly network: readonly TcpProxy[]
  /** A connection of the test to the database, past any fault. */
  readonly knex: Knex
  readonly clone: string
  /** @param inFront whether the visitors come through the proxies of the network; only where there is no server */
  newLoad(inFront: boolean): Load
}

let clone: Promise<string> | undefined
let removeClone = async () => {}
let loads = 0

/** Deletes what all sites share. */
export async function closeSites(): Promise<void> {
  await removeClone()
}

/** Starts everything; `owner` stops it. */
export async function openSite(owner: Owner, setUp: SetUp): Promise<Site> {
  clone ??= cloneWithLoad({
    teardown(work) {
      removeClone = work
    },
  })
  const folder = await newFolder(owner)
  const disk = setUp.database === 'SQLite' ? await smallDisk(owner, DISK_MEGABYTES) : undefined
  const postgres = setUp.database === 'PostgreSQL' ? await postgresBackend(owner) : undefined
  const redis = setUp.cache === 'redis' ? await redisBackend(owner, serviceUrl('redisServer') ?? '') : undefined
  const cache = setUp.cache === 'memcached' ? await memcachedBackend(owner) : redis
  const databaseUrl = postgres?.url ?? `sqlite:${join(disk ?? folder, 'app.sqlite3')}`
  const users = Array.from({ length: CLIENTS / (setUp.tabs ?? 2) }, (_, number) => `visitor${number}`)
  await fillDatabase(databaseUrl, users)
  const knex = openDatabase(databaseUrl)
  owner.teardown(() => knex.destroy())

  const proxyTo = async (port: number) => {
    const proxy = await tcpProxy(LOCAL, port)
    owner.teardown(async () => proxy.close())
    return proxy
  }
  const files = join(folder, 'sessions')
  const env = {
    NODE_ENV: 'test',
    SECRET_KEY: TEST_SECRET,
    LOG_LEVEL: 'error',
    SESSION_FILE_PATH: files,
    SESSION_MAX_NEW_PER_MINUTE: '0',
    SESSION_MAX_PER_USER: '0',
    SESSION_CLEANUP_INTERVAL: '0',
    DATABASE_URL: databaseUrl,
    ...TIMEOUTS,
    ...(cache === undefined ? {} : { CACHE_URL: `${setUp.cache}://${LOCAL}:${cache.port}` }),
    ...setUp.env,
  }
  const server = setUp.server === 'database' ? postgres : cache
  const network: TcpProxy[] = []
  const apps: App[] = []
  for (let number = 0; number < (setUp.processes ?? 2); number++) {
    const proxy = server && (await proxyTo(server.port))
    const app = new App(await clone, { ...env, ...(proxy === undefined ? {} : through(proxy.port, setUp, env)) })
    owner.teardown(async () => void (await app.stop('SIGKILL')))
    await app.start()
    // Without a server the network is that of the visitors.
    const front = proxy === undefined ? await proxyTo(app.port) : undefined
    const used = proxy ?? front
    if (used !== undefined) network.push(used)
    apps.push(app)
  }
  const newLoad = (inFront: boolean) => {
    const ports = (inFront && server === undefined ? network : apps).map(({ port }) => port)
    const { tabs = 2, unsettledMs = 0 } = setUp
    return new Load({ ports, users, tabs, name: String(++loads), unsettledMs })
  }
  return { setUp, apps, env, folder, files, disk, server, redis, network, knex, clone: await clone, newLoad }
}

/** The settings of a process that reaches the server of the set-up by this port. */
export function through(port: number, setUp: SetUp, env: Readonly<Record<string, string>>): Record<string, string> {
  const variable = setUp.server === 'database' ? 'DATABASE_URL' : 'CACHE_URL'
  const url = new URL(env[variable] ?? '')
  // Not of an unknown scheme, whose port cannot be set.
  return { [variable]: url.href.replace(url.host, `${LOCAL}:${port}`) }
}

async function fillDatabase(url: string, users: readonly string[]): Promise<void> {
  const knex = openDatabase(url)
  await migrate(knex)
  const accounts = new Users(knex, [TEST_SECRET])
  for (const username of users) {
    await accounts.create({ username, email: `${username}@example.org`, fullName: username, passwordHash: 'none' })
  }
  await knex.destroy()
}

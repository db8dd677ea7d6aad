import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { migrate, openDatabase } from '../../../src/database.ts'
import { projectRoot } from '../../../src/paths.ts'
import { Backends } from './backends.ts'
import { CANDIDATES, type Candidate, isDatabase } from './candidates.ts'
import { type Child, startChild } from './child.ts'
import type { LoadAnswer, LoadRequest } from './load.ts'
import { PEER_SERVER, PEERS } from './peers.ts'
import type { ServerAnswer, ServerRequest } from './server.ts'

/** A candidate whose server is up. */
export interface RunningCandidate {
  readonly name: string
  readonly candidate: Candidate
  readonly origin: string
  readonly server: Child<ServerRequest, ServerAnswer>
  /** The folder of its database and files. */
  readonly place: string
}

/** The processes of a benchmark. */
export interface Benchmark {
  readonly candidates: readonly RunningCandidate[]
  /** Why a candidate was left out, by its name. */
  readonly leftOut: Readonly<Record<string, string>>
  readonly load: Child<LoadRequest, LoadAnswer>
  readonly backends: Backends
  stop(): Promise<void>
}

// A server in use is never idle for minutes, as each is here while others are measured: V8 then drops its compiled code.
const BUSY_FLAGS = ['--no-flush-bytecode']

/**
 * Starts the servers of the candidates, and the load.
 *
 * @param folder an empty one, for databases and session files
 * @param programs from {@link compile}
 * @param more candidates beside those of this project and the peers
 */
export async function openBenchmark(
  names: readonly string[],
  folder: string,
  serverPrefix: readonly string[],
  programs: string,
  more: Readonly<Record<string, Candidate>> = {},
): Promise<Benchmark> {
  const backends = new Backends()
  const candidates: RunningCandidate[] = []
  const leftOut: Record<string, string> = {}
  const children: { stop(): Promise<void> }[] = []
  for (const name of names) {
    const candidate = CANDIDATES[name] ?? PEERS[name] ?? more[name]
    if (candidate === undefined) continue
    try {
      const { application, nodeFlags = [] } = candidate
      const argument = {
        application,
        programs,
        settings: await settingsOf(name, candidate, folder, backends),
      }
      const file = application === 'peer' || application === 'bare-peer' ? PEER_SERVER : join(programs, 'server.js')
      const server = startChild<ServerRequest, ServerAnswer>(file, {
        prefix: serverPrefix,
        nodeFlags: [...BUSY_FLAGS, ...nodeFlags],
        argument,
      })
      children.push(server)
      const { origin } = await server.ask({})
      candidates.push({ name, candidate, server, origin, place: join(folder, name) })
    } catch (error) {
      leftOut[name] = error instanceof Error ? error.message : String(error)
    }
  }
  const load = startChild<LoadRequest, LoadAnswer>(join(programs, 'load.js'))
  return {
    candidates,
    leftOut,
    load,
    backends,
    async stop() {
      await Promise.all([load, ...children].map((child) => child.stop()))
      await backends.stop()
    },
  }
}

/** Compiles the programs into a folder, as in a deployment; from the sources they would be slower. */
export function compile(folder: string): string {
  const outDir = join(folder, 'programs')
  const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', import.meta.dirname, '--outDir', outDir], { stdio: 'inherit' })
  return join(outDir, 'scripts', 'maintainer', 'bench')
}

/** The settings of a candidate, whose database is ready. */
export async function settingsOf(
  name: string,
  { settings = {}, needs = [] }: Candidate,
  folder: string,
  backends: Backends,
): Promise<Record<string, string>> {
  const place = join(folder, name)
  mkdirSync(place)
  const urls = new Map<'CACHE_URL' | 'DATABASE_URL', string>([['DATABASE_URL', `sqlite:${join(place, 'app.sqlite3')}`]])
  for (const need of needs) urls.set(isDatabase(need) ? 'DATABASE_URL' : 'CACHE_URL', await backends.urlOf(need))
  const knex = openDatabase(urls.get('DATABASE_URL') ?? '')
  await migrate(knex).finally(() => knex.destroy())
  return {
    NODE_ENV: 'production',
    SECRET_KEY: randomBytes(36).toString('base64'),
    SESSION_FILE_PATH: join(place, 'sessions'),
    // Candidates share one server.
    CACHE_KEY_PREFIX: name,
    ...Object.fromEntries(urls),
    ...settings,
  }
}

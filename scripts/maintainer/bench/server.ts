import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import type Koa from 'koa'
import { type Config, readConfig } from '../../../src/config.ts'
import { openServices } from '../../../src/services.ts'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { StoredEngine } from '../../../src/session/index.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import type { Candidate } from './candidates.ts'
import { answerParent } from './child.ts'
import { FLOORS } from './floors.ts'
import { type InProcessAnswer, type InProcessRequest, type InProcessVisitor, measureInProcess } from './in-process.ts'
import { bareKoa, floor, koaSession, ownSessions } from './pages.ts'

/** Options for the server process of a candidate. */
export interface ServerOptions {
  readonly application: Candidate['application']
  readonly settings: Readonly<Record<string, string>>
}

/** The response of `/usage`, which is outside the application and costs all candidates the same. */
export interface Usage {
  /** Microseconds of processor time since its start. */
  readonly cpu: number
  /** The number of errors of the application, and the last one. */
  readonly errors: number
  readonly lastError: string | null
}

const { application, settings }: ServerOptions = JSON.parse(process.argv[2] ?? '')
let errors = 0
let lastError: string | null = null
const listening = listen()
listening.catch(() => {})

const visitors: InProcessVisitor[] = []

/** Where it listens, or the CPU time of requests without HTTP. */
export type ServerAnswer = { readonly origin: string } & Partial<InProcessAnswer>

answerParent<Partial<InProcessRequest>, ServerAnswer>(async ({ kind, sessions = 0, connections = 0, seconds = 0 }) => {
  const { origin, app } = await listening
  if (kind === undefined) return { origin }
  return { origin, ...(await measureInProcess(app, { kind, sessions, connections, seconds }, visitors)) }
})

async function listen(): Promise<{ origin: string; app: Koa }> {
  const app = await openApplication()
  app.on('error', (error: NodeJS.ErrnoException) => {
    // The load disconnects in the middle of a response when its time is over.
    if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return
    errors++
    lastError = error.message
  })
  const answer = app.callback()
  const server = createServer((request, response) => {
    if (request.url === '/usage') response.end(JSON.stringify(usage()))
    else void answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { app, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  return { cpu: user + system, errors, lastError }
}

async function openApplication(): Promise<Koa> {
  if (application === 'koa') return bareKoa()
  const config = readConfig(settings)
  if (application === 'floor') {
    const folder = dirname(settings['SESSION_FILE_PATH'] ?? '')
    const medium = FLOORS.find((name) => name === settings['FLOOR']) ?? 'memory'
    return floor(medium, { secret: config.secrets[0], url: settings['CACHE_URL'], folder })
  }
  if (application === 'koa-session') return koaSession(config.secrets)
  if (application === 'memory') return ownSessions({ ...config.session, engine: memoryEngine(config) })
  const services = await openServices(config)
  await services.ready()
  const { engine, observe } = services
  return ownSessions({ ...config.session, engine, observe })
}

function memoryEngine({ secrets, session: { cookie, expiry } }: Config): StoredEngine {
  return new StoredEngine({
    store: new MemoryStore(),
    codec: sealedCodec({ secrets, namespace: cookie.name }),
    expiry,
  })
}

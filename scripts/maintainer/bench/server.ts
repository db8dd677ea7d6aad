import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import type Koa from 'koa'
import { type Config, readConfig } from '../../../src/config.ts'
import { openServices } from '../../../src/services.ts'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { type SessionStore, StoredEngine } from '../../../src/session/index.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import type { Candidate } from './candidates.ts'
import { answerParent } from './child.ts'
import { FLOORS } from './floors.ts'
import { type InProcessAnswer, type InProcessRequest, type InProcessVisitor, measureInProcess } from './in-process.ts'
import { bareKoa, floor, koaSession, ownSessions } from './pages.ts'
import { type StoreAnswer, type StoreWork, workOn } from './store-work.ts'

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

// Of pages that change the key separately: what reads and changes cost must not depend on whether they came before.
const visitors: InProcessVisitor[] = []
const signedIn: InProcessVisitor[] = []

/** Asks for a measurement without HTTP, for work on the store, or only for the address. */
export type ServerRequest = Partial<InProcessRequest> & { readonly work?: StoreWork }

export type ServerAnswer = { readonly origin: string } & Partial<InProcessAnswer> & StoreAnswer

answerParent<ServerRequest, ServerAnswer>(async ({ work, kind, sessions = 0, connections = 0, seconds = 0 }) => {
  const { origin, app, store } = await listening
  if (work !== undefined) return { origin, ...(await workOn(store, work)) }
  if (kind === undefined) return { origin }
  const ofKind = kind === 'login' ? signedIn : visitors
  return { origin, ...(await measureInProcess(app, { kind, sessions, connections, seconds }, ofKind)) }
})

async function listen(): Promise<{ origin: string } & Application> {
  const { app, store } = await openApplication()
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
  return { app, store, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  return { cpu: user + system, errors, lastError }
}

interface Application {
  readonly app: Koa
  readonly store: SessionStore | undefined
}

async function openApplication(): Promise<Application> {
  const alone = (app: Koa) => ({ app, store: undefined })
  if (application === 'koa') return alone(bareKoa())
  const config = readConfig(settings)
  if (application === 'floor') {
    const folder = dirname(settings['SESSION_FILE_PATH'] ?? '')
    const medium = FLOORS.find((name) => name === settings['FLOOR']) ?? 'memory'
    return alone(floor(medium, { secret: config.secrets[0], url: settings['CACHE_URL'], folder }))
  }
  if (application === 'koa-session') return alone(koaSession(config.secrets))
  if (application === 'memory') return alone(ownSessions({ ...config.session, engine: memoryEngine(config) }))
  const services = await openServices(config)
  await services.ready()
  const { engine, observe, store } = services
  return { app: ownSessions({ ...config.session, engine, observe }), store }
}

function memoryEngine({ secrets, session: { cookie, expiry } }: Config): StoredEngine {
  return new StoredEngine({
    store: new MemoryStore(),
    codec: sealedCodec({ secrets, namespace: cookie.name }),
    expiry,
  })
}

import type { RunningCandidate } from './benchmark.ts'
import { hasSessions } from './candidates.ts'
import { aligned } from './statistics.ts'
import { beginSessions, post, stateOf, type Visitor } from './visitors.ts'

/** What became of overlapping requests of one session. */
export interface Guarantees {
  /** How many of {@link CHANGES} concurrent changes are in the session afterwards. */
  readonly survived: number
  /** How many of them were answered with success. */
  readonly answered: number
  /**
   * After a logout during a slow request: `ended`, or `resurrected` if the old cookie or the browser's is signed in;
   * `never ends` if the old cookie is so even after a logout that nothing overlaps.
   */
  readonly logout: 'ended' | 'resurrected' | 'never ends'
}

export const CHANGES = 100

// Until the slow request has loaded its session.
const HEAD_START_MS = 150

/** Tries what the guarantees promise with each middleware; what fails is left out. */
export async function guaranteesOf(candidates: readonly RunningCandidate[]): Promise<Record<string, Guarantees>> {
  const all: Record<string, Guarantees> = {}
  for (const { name, candidate, origin } of candidates) {
    if (!hasSessions(candidate)) continue
    try {
      all[name] = { ...(await concurrentChanges(origin)), logout: await overlappedLogout(origin) }
    } catch (error) {
      console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return all
}

/** Returns a table for a terminal. */
export function guaranteesTable(all: Readonly<Record<string, Guarantees>>): string {
  const rows = Object.entries(all).map(([name, { survived, answered, logout }]) => [
    name,
    `${survived} of ${answered}`,
    logout,
  ])
  const header = ['', `of ${CHANGES} changes at once`, 'after a logout']
  return `Overlapping requests of one session: changes that survived, of those answered\n${aligned([header, ...rows])}`
}

async function concurrentChanges(origin: string) {
  const visitor = await begin(origin)
  const changes = Array.from({ length: CHANGES }, (_, item) => post(origin, `add?item=${item}`, visitor))
  const answers = await Promise.all(changes)
  const state = await stateOf(origin, visitor)
  return { survived: state?.items ?? 0, answered: answers.filter(({ status }) => status === 200).length }
}

async function overlappedLogout(origin: string): Promise<Guarantees['logout']> {
  const control = await signedIn(origin)
  const old = { ...control }
  await post(origin, 'logout', control)
  if (await isSignedIn(origin, old)) return 'never ends'

  const browser = await signedIn(origin)
  const before = { ...browser }
  const slow = post(origin, 'slow', browser)
  await new Promise((resolve) => setTimeout(resolve, HEAD_START_MS))
  await post(origin, 'logout', browser)
  await slow
  const resurrected = (await isSignedIn(origin, before)) || (await isSignedIn(origin, browser))
  return resurrected ? 'resurrected' : 'ended'
}

async function signedIn(origin: string): Promise<Visitor> {
  const visitor = await begin(origin)
  await post(origin, 'login', visitor)
  if (!(await isSignedIn(origin, visitor))) throw new Error('Nobody could be signed in.')
  return visitor
}

async function isSignedIn(origin: string, visitor: Visitor): Promise<boolean> {
  return (await stateOf(origin, visitor))?.user === '1'
}

async function begin(origin: string): Promise<Visitor> {
  const [visitor] = await beginSessions(origin, 1)
  if (visitor === undefined) throw new Error('No session could be begun.')
  return visitor
}

import type { Patch } from './implementation.ts'
import type { Op } from './programs.ts'

/** A check of the engine, and the patch that removes it. */
export interface Mutant {
  readonly guard: string
  readonly patch: Patch
  /** What the requests of a program must do for the guard to matter; three are tried at random. */
  readonly ops: readonly Op[]
  /** How many calls must be lost for that; none by default. */
  readonly faults?: number
  /** Which property breaks: the beginning of the explorer's message. */
  readonly breaks: string
}

const ENGINE = 'engines/stored.ts'
const RECORDS = 'engines/records.ts'
const SERIAL = '1 or 2'

export const MUTANTS: readonly Mutant[] = [
  {
    guard: 'a save compares the version',
    patch: {
      file: RECORDS,
      from: 'store.save(hashed.storeKey, current.version, record)',
      to: 'store.load(hashed.storeKey).then((it) => store.save(hashed.storeKey, it?.version ?? 0, record))',
    },
    ops: ['update', 'kept'],
    breaks: SERIAL,
  },
  {
    guard: 'a conflicting save is replayed, not repeated',
    patch: {
      file: ENGINE,
      from: 'return isAsLoaded(commit, current) ?',
      to: 'return isAsLoaded(commit, commit.loaded) ?',
    },
    ops: ['update', 'kept'],
    breaks: SERIAL,
  },
  {
    guard: 'a save of an ended session is refused',
    patch: {
      file: ENGINE,
      from: "if (result === 'missing') return GONE",
      to: "if (result === 'missing') return await this.#create({ ...commit, id: newSessionId() }, commit.changes.replayOn(current.data)).then((committed) => ({ committed }))",
    },
    ops: ['update', 'logout'],
    breaks: SERIAL,
  },
  {
    guard: 'a forward compares the version',
    patch: {
      file: RECORDS,
      from: 'store.save(this.#storeKeyOf(current), version, record)',
      to: 'store.load(this.#storeKeyOf(current)).then((it) => store.save(this.#storeKeyOf(current), it?.version ?? version, record))',
    },
    ops: ['update', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'a change of key of an ended session is refused',
    patch: {
      file: ENGINE,
      from: 'await this.records.delete(next)\n      return replaced',
      to: "if (replaced === 'missing') return await this.#confirm(next, false)\n      return replaced",
    },
    ops: ['change key', 'logout'],
    breaks: SERIAL,
  },
  {
    guard: 'a save that meets a forward follows it',
    patch: {
      file: ENGINE,
      from: 'if (found.successor !== undefined) return await this.#commitLate(commit, current.key, MAX_ATTEMPTS - attempt)',
      to: '',
    },
    ops: ['update', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'a change of key that meets a forward follows it',
    patch: {
      file: ENGINE,
      from: 'if (found.successor !== undefined) return await this.#commitLate(commit, key, max - attempt)',
      to: '',
    },
    ops: ['change key', 'update'],
    breaks: '',
  },
  {
    guard: 'a replay on a successor compares the version',
    patch: {
      file: ENGINE,
      from: 'const result = await this.records.save(current, data, commit.client)',
      to: 'const again = await this.records.load(current.key)\n      const result = await this.records.save(again.live ? again.loaded : current, data, commit.client)',
    },
    ops: ['update', 'update', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'an ending compares the version',
    patch: {
      file: ENGINE,
      from: "loaded.forwarded ? 'conflict' : await this.records.delete(loaded)",
      to: "loaded.forwarded ? 'conflict' : await this.records.deleteAny(loaded.key)",
    },
    ops: ['logout', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'an ending is repeated after a conflict',
    patch: {
      file: ENGINE,
      from: "if (first !== 'conflict') return",
      to: "if (first !== 'done') return",
    },
    ops: ['logout', 'update'],
    breaks: SERIAL,
  },
  {
    guard: 'an ending follows forwards',
    patch: {
      file: ENGINE,
      from: 'await this.records.followForwards(successor)',
      to: 'undefined',
    },
    ops: ['logout', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'an ending of a successor compares the version',
    patch: {
      file: ENGINE,
      from: "if (mayEnd && (await this.records.delete(end)) === 'conflict') return undefined",
      to: 'if (mayEnd) await this.records.delete(end)',
    },
    ops: ['logout', 'update', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'ending with an old key does not end another user’s session',
    patch: {
      file: ENGINE,
      from: 'const mayEnd = end !== undefined && userIdOf(end.data) === userIdOf(loaded.data)',
      to: 'const mayEnd = end !== undefined',
    },
    ops: ['logout', 'sign in'],
    breaks: SERIAL,
  },
  {
    guard: 'a forward to an ended session is anonymous',
    patch: {
      file: ENGINE,
      from: 'if (end === undefined) {',
      to: 'if (end === undefined) { return { live: true, loaded: { ...found.loaded, forwarded: true } }',
    },
    ops: ['logout', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'an old key shows the data as they were',
    patch: {
      file: ENGINE,
      from: 'loaded: { ...found.loaded, id: end.id, forwarded: true }',
      to: 'loaded: { ...found.loaded, data: end.data, id: end.id, forwarded: true }',
    },
    ops: ['sign in', 'read'],
    breaks: '4',
  },
  {
    guard: 'a late change is refused after a sign-in unless it survives one',
    patch: {
      file: ENGINE,
      from: 'if (!mayReplay) return',
      to: 'if (false) return',
    },
    ops: ['update', 'sign in'],
    breaks: SERIAL,
  },
  {
    guard: 'a second sign-in of one user joins the first',
    patch: {
      file: ENGINE,
      from: 'if (isSignIn(commit) && user !== userIdOf(commit.data)) {',
      to: 'if (isSignIn(commit)) {',
    },
    ops: ['update', 'sign in'],
    breaks: '',
  },
  {
    guard: 'a joining sign-in does not drop slices again',
    patch: { file: ENGINE, from: 'commit.changes.withoutSignIn().replayOn(', to: 'commit.changes.replayOn(' },
    ops: ['sign in', 'sign in', 'gone'],
    breaks: SERIAL,
  },
  {
    guard: "another user's late sign-in does not take the session",
    patch: {
      file: ENGINE,
      from: 'if (user === null) return withoutNewest(',
      to: 'if (user !== undefined) return withoutNewest(',
    },
    ops: ['sign in', 'sign in as another'],
    breaks: SERIAL,
  },
  {
    guard: 'the response to a late change has no cookie',
    patch: { file: ENGINE, from: 'loaded: view, cookie: undefined,', to: 'loaded: view, cookie: joined.key,' },
    ops: ['kept', 'sign in'],
    breaks: '4',
  },
  {
    guard: 'a successor gets its full lifetime',
    patch: { file: ENGINE, from: 'const touched = await this.records.touch(next)', to: 'const touched = next' },
    ops: ['change key', 'read'],
    breaks: '3',
  },
  {
    guard: 'a successor has a short lifetime at first',
    patch: { file: RECORDS, from: 'if (unconfirmed) record.expires =', to: 'if (unconfirmed) record.lastActivity =' },
    ops: ['change key', 'read'],
    faults: 1,
    breaks: '5',
  },
  {
    guard: 'ending the others is repeated until none is left',
    patch: {
      file: 'engines/user-sessions.ts',
      from: 'if ((await store.listByUser(userId)).every(({ id }) => id === exceptId)) return ended',
      to: 'return ended',
    },
    ops: ['end others', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'ending one session is repeated until none is left',
    patch: {
      file: 'engines/user-sessions.ts',
      from: "ended = (await store.delete(key)) === 'done' || ended",
      to: "return (await store.delete(key)) === 'done'",
    },
    ops: ['end one', 'change key'],
    breaks: SERIAL,
  },
  {
    guard: 'a cookie is sent when it is new',
    patch: {
      file: 'http/browser-cookie.ts',
      from: 'if (same && engine.refreshesCookie !== true) return undefined',
      to: '',
    },
    ops: ['update', 'change key'],
    breaks: '3',
  },
  {
    guard: 'nothing is stored again after a save that may have been stored',
    patch: {
      file: 'http/opened-session.ts',
      from: 'if (error instanceof StoreUnavailableError) this.state.fail()',
      to: 'if (false) this.state.fail()',
    },
    ops: ['save twice', 'read'],
    faults: 1,
    breaks: SERIAL,
  },
  {
    guard: 'a session that was saved with the response cannot be changed',
    patch: { file: 'session-state.ts', from: "if (this.#state === 'open') this.#state = 'closed'", to: '' },
    ops: ['too late', 'read'],
    breaks: SERIAL,
  },
  {
    guard: 'changes during a save are the next batch',
    patch: {
      file: 'core/document.ts',
      from: 'this.#operations = new Operations()\n    this.#originals = undefined',
      to: 'this.#originals = undefined',
    },
    ops: ['save', 'update'],
    breaks: SERIAL,
  },
  {
    guard: 'a new key that was changed again is not sent',
    patch: { file: ENGINE, from: 'if (found?.successor !== undefined) {', to: 'if (false) {' },
    ops: ['change key', 'sign in'],
    breaks: '0',
  },
]

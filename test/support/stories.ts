import { hash } from '@node-rs/argon2'
import type { User } from '../../src/users.ts'
import { type Answer, type TestApp, TestBrowser } from './app.ts'
import { exportsOf } from './routes.ts'

/** A request with secrets, and what has to be done before it. */
export interface Story {
  readonly name: string
  /** The status of its answer if nothing fails. */
  readonly status: number
  /** Does what has to be done before, and returns the request. */
  readonly begin: (visit: Visit) => Promise<() => Promise<Answer>>
}

/** The exports of `test/features/<name>/stories*.ts`. */
interface FeatureStories {
  readonly stories: readonly Story[]
  /** Settings that they need. */
  readonly env?: Readonly<Record<string, string>>
}

/** The stories of all features. */
export async function featureStories(): Promise<{ stories: Story[]; env: Record<string, string> }> {
  const found = await exportsOf<FeatureStories>(/^stories.*\.ts$/)
  return {
    stories: found.flatMap(({ stories }) => stories),
    env: Object.assign({}, ...found.map(({ env }) => env)),
  }
}

export const PASSWORD = 'velvet hammer umbrella'
export const NEW_PASSWORD = 'copper lantern meadow'
/** Where the people of the stories live. */
export const PLACE = { line1: '17 Hidden Alley', line2: '', postcode: 'ZQ9 7XX', city: 'Secretville', country: 'DE' }

let people = 0

/** What somebody who has no account yet says. */
export function stranger() {
  const number = ++people
  return {
    username: `private.username.${number}`,
    fullName: `Very Private-Person ${number}`,
    email: `very.private.${number}@inbox.example`,
  }
}

// Quick to verify: the stories sign in hundreds of times.
const QUICK = { memoryCost: 64, timeCost: 1, parallelism: 1 }
let passwordHash: Promise<string> | undefined

/** The application that a story is told to: in this process, or in another one with the same services. */
type Site = Pick<TestApp, 'origin' | 'services'>

/** One run of a story: its visitors, and the secrets that they have. */
export class Visit {
  readonly app: Site
  /** What was typed, and the names of the users. */
  readonly #typed = new Set<string>([PASSWORD, NEW_PASSWORD])
  readonly #browsers: StoryBrowser[] = []
  readonly #logged: (text: string) => Promise<void>

  constructor(app: Site, logged: (text: string) => Promise<void>) {
    this.app = app
    this.#logged = logged
  }

  browser(): TestBrowser {
    const browser = new StoryBrowser(this.app.origin, this.#typed)
    this.#browsers.push(browser)
    return browser
  }

  /** A new account, whose password is {@link PASSWORD}. */
  async user({ isStaff = false } = {}): Promise<User> {
    passwordHash ??= hash(PASSWORD, QUICK)
    const person = { ...stranger(), passwordHash: await passwordHash }
    for (const value of Object.values(person)) this.#typed.add(value)
    return await this.app.services.users.create({ ...person, isStaff, address: PLACE })
  }

  /** Resolves when the request has written this text to the log. */
  logged(text: string): Promise<void> {
    return this.#logged(text)
  }

  /** What was typed, and the cookies. */
  async secrets(): Promise<Set<string>> {
    const secrets = new Set(this.#typed)
    for (const { jar, origin } of this.#browsers) {
      for (const { value } of await jar.getCookies(origin)) secrets.add(value)
    }
    return secrets
  }

  /** The paths of all requests, which are logged. */
  get paths(): string[] {
    return this.#browsers.flatMap(({ paths }) => paths)
  }
}

const MIN_RECOGNISABLE = 6

/** Remembers what its visitor types. */
class StoryBrowser extends TestBrowser {
  readonly paths: string[] = []
  readonly #typed: Set<string>

  constructor(origin: string, typed: Set<string>) {
    super(origin)
    this.#typed = typed
  }

  override async post(path: string, form: Record<string, string> = {}, headers: Record<string, string> = {}) {
    this.#remember(path, form)
    return await super.post(path, form, headers)
  }

  override async json(method: string, path: string, body?: unknown) {
    this.#remember(path, body)
    return await super.json(method, path, body)
  }

  #remember(path: string, typed: unknown): void {
    this.paths.push(path.split('?', 1)[0] ?? '')
    for (const value of Object.values(typed ?? {})) {
      if (typeof value === 'string' && value.length >= MIN_RECOGNISABLE) this.#typed.add(value)
    }
  }
}

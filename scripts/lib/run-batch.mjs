import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { SEPARATOR } from './test-batches.mjs'

// ava gives every file a process and has no option for less. Of these two modules it makes the `test` that files import.
const require = createRequire(import.meta.url)
const ava = new URL('..', pathToFileURL(require.resolve('ava')))
const { refs } = require(fileURLToPath(new URL('lib/worker/state.cjs', ava)))
const { default: createChain } = await import(new URL('lib/create-chain.js', ava).href)

/**
 * Runs the tests of several files in this process, one file after the other. Within a file the order is that of ava:
 * first the serial tests, then all others at once; its hooks are called for its own tests only.
 */
export async function runBatch(files) {
  const chain = refs.runnerChain
  const suites = files.map((file) => new Suite(file))
  let loading
  refs.runnerChain = createChain((flags, args) => loading.declare(flags, args), {}, chain.meta)
  for (loading of suites) await loading.load()
  // With no await between them: ava starts after the first.
  for (const suite of suites) suite.register(chain)
  // A hook that fails at the end of one file is reported as a rejection, and the next file runs.
  const report = (error) => void Promise.reject(error)
  void suites.reduce((earlier, suite) => earlier.then(() => suite.run()).catch(report), Promise.resolve())
}

class Suite {
  #file
  #tests = []
  #skipped = []
  #hooks = { before: [], beforeEach: [], afterEach: [], after: [] }
  #failure
  #begin
  /** The context of a test that ava has started: hooks before all tests assert in it. */
  #context = new Promise((resolve) => {
    this.#begin = resolve
  })

  constructor(file) {
    this.#file = file
  }

  async load() {
    try {
      await import(pathToFileURL(resolve(this.#file)).href)
      if (this.#tests.length + this.#skipped.length === 0) throw new Error('The file has no tests.')
    } catch (error) {
      this.#tests = [new Test('is loaded', () => Promise.reject(error))]
    }
  }

  declare({ type, serial, skipped, always, ...others }, [title, body, ...args]) {
    const [unsupported] = Object.keys(others)
    if (unsupported !== undefined) throw new Error(`Start a file with such tests by itself: ${unsupported}.`)
    if (type !== 'test') {
      if (type.startsWith('after') && !always) throw new Error(`Only test.${type}.always is supported.`)
      // A hook may have a title.
      this.#hooks[type].push(body ?? title)
    } else if (skipped) this.#skipped.push(title)
    else this.#tests.push(new Test(title, (t) => body(t, ...args), serial))
  }

  register(chain) {
    const { beforeEach, afterEach } = this.#hooks
    for (const title of this.#skipped) chain.skip(this.#file + SEPARATOR + title, () => {})
    for (const test of this.#tests) {
      chain(this.#file + SEPARATOR + test.title, async (t) => {
        this.#begin(t)
        await test.turn
        // Teardowns are called in reverse order: these after those of the test.
        t.teardown(test.end)
        for (const hook of afterEach) t.teardown(() => hook(t))
        if (this.#failure !== undefined) throw this.#failure
        for (const hook of beforeEach) await hook(t)
        return await test.body(t)
      })
    }
  }

  async run() {
    if (this.#tests.length === 0) return
    const t = await this.#context
    try {
      for (const hook of this.#hooks.before) await hook(t)
    } catch (error) {
      this.#failure = error
    }
    for (const test of this.#tests) if (test.serial) await test.run()
    await Promise.all(this.#tests.filter(({ serial }) => !serial).map((test) => test.run()))
    for (const hook of this.#hooks.after) await hook()
  }
}

/** A test that ava has started, and that waits for its turn. */
class Test {
  #begin
  turn = new Promise((resolve) => {
    this.#begin = resolve
  })
  end
  #ended = new Promise((resolve) => {
    this.end = resolve
  })

  constructor(title, body, serial = false) {
    this.title = title
    this.body = body
    this.serial = serial
  }

  async run() {
    this.#begin()
    await this.#ended
  }
}

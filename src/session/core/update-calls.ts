/** Calls the update functions of handlers, which must be synchronous and must not use the session meanwhile. */
export class UpdateCalls {
  #isCalling = false

  /**
   * Calls an update function.
   *
   * @param key the key that it changes, for errors
   * @throws TypeError if it is asynchronous; any error of the function
   */
  call<A extends readonly unknown[], R>(key: string, change: (...args: A) => R, ...args: A): R {
    this.#isCalling = true
    try {
      const result = change(...args)
      if (isThenable(result)) {
        // This error is the answer: the promise's own would be one that nobody handles, which ends the process.
        Promise.resolve(result).catch(() => {})
        throw new TypeError(`The function that updates "${key}" must not be asynchronous`)
      }
      return result
    } finally {
      this.#isCalling = false
    }
  }

  /** Checks that the caller is not an update function. @throws TypeError inside one */
  assertNone(): void {
    if (this.#isCalling) throw new TypeError('A function that updates the session must not use the session')
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

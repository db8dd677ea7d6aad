// node-redis without its modules for search and the like.
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'

// What a server without sessions answers.
export const BARE_BODY = 'dark'
export const BARE_COOKIE = `sessionid=${'x'.repeat(32)}; path=/; httponly`

/** A plain object in which the pages' session is kept. A class, as those of scripts/maintainer/bench/pages.ts. */
export class ObjectSession {
  #data

  constructor(data, end, changed) {
    this.#data = data
    this.end = end
    this.changed = changed
  }

  get user() {
    return this.#data.user
  }

  get(name) {
    return this.#data[name]
  }

  set(name, value) {
    this.#data[name] = value
    this.changed?.()
  }

  signIn() {
    this.set('user', '1')
  }
}

export async function nodeRedis(url) {
  const client = createClient({ url })
  client.on('error', () => {})
  return await client.connect()
}

export function ioRedis(url) {
  const client = new Redis(url)
  client.on('error', () => {})
  return client
}

/** A store of three methods, as koa-session and koa-generic-session have them in their documentation. */
export function threeMethods(client, prefix, setFor) {
  return {
    async get(key) {
      const text = await client.get(prefix + key)
      return text === null ? undefined : JSON.parse(text)
    },
    set: (key, session, milliseconds) => setFor(prefix + key, JSON.stringify(session), milliseconds),
    destroy: (key) => client.del(prefix + key),
  }
}

import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../../src/paths.ts'
import type { Candidate } from './candidates.ts'

const SOURCES = join(projectRoot, 'scripts', 'maintainer', 'peers')
// Tests read and copy every file under scripts/, so packages are not installed there.
const FOLDER = join(projectRoot, 'data', 'peers')

/** The program that serves a peer. */
export const PEER_SERVER = join(FOLDER, 'serve.mjs')

/** Other session middleware, by the name that `--only` takes; PEER names a function of `scripts/maintainer/peers`. */
export const PEERS: Readonly<Record<string, Candidate>> = {
  'koa-session-node-redis': peer('koa-session, in Redis by node-redis', 'koa/session-node-redis', 'redis'),
  'koa-session-ioredis': peer('koa-session, in Redis by ioredis', 'koa/session-ioredis', 'redis'),
  'koa-generic-session': peer('koa-generic-session, in Redis by node-redis', 'koa/generic-session', 'redis'),
  'iron-session': peer('iron-session on Koa, in its cookie', 'koa/iron-session'),
  express: peer('Express without sessions', 'express/bare'),
  'express-session-redis': peer('express-session with connect-redis', 'express/redis', 'redis'),
  'express-session-knex': peer('express-session with connect-session-knex, in SQLite', 'express/knex'),
  fastify: peer('Fastify without sessions', 'fastify/bare'),
  'fastify-session': peer('@fastify/session with connect-redis', 'fastify/session', 'redis'),
  'fastify-secure-session': peer('@fastify/secure-session, in its cookie', 'fastify/secure-session'),
}

/** Copies the programs to where their packages are. Returns what to do first, if these are missing. */
export function preparePeers(): string | undefined {
  cpSync(SOURCES, FOLDER, { recursive: true })
  if (existsSync(join(FOLDER, 'node_modules'))) return undefined
  return 'The peers are not installed: run "npm ci --prefix data/peers" first.'
}

function peer(about: string, name: string, ...needs: 'redis'[]): Candidate {
  const bare = name.endsWith('/bare')
  return { about, application: bare ? 'bare-peer' : 'peer', settings: { PEER: name }, needs, revokes: false }
}

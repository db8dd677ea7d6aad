import { text as readText } from 'node:stream/consumers'
import { Command } from 'commander'
import type { Json, SessionData } from '../../src/session/core/data.ts'
import type { SecurityKind } from '../../src/session/core/events.ts'
import { userIdOf } from '../../src/session/core/user.ts'
import { type Run, WrongUse } from './run.ts'

interface Options {
  reveal?: boolean
  json?: true
}

const MASK = '(hidden)'
const LOOKS_SECRET = /pass|secret|token|hash|key|csrf|otp|pin$|card|cvv|cvc|iban|ssn|credential|signature|private/i
// Keys of other records of the same session: whoever has one is signed in.
const HOLDS_SESSION_KEY = new Set(['_session_moved_from', '_session_record'])
// What could steer a terminal, or turn the direction of the text, and JSON leaves as it is.
const UNPRINTABLE = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const REASONS: Record<SecurityKind, string> = {
  'unknown-key': 'no live session is under it: it has expired, was ended, or never was',
  'malformed-cookie': 'it does not have the form of this cookie',
  undecodable: 'there is something, but it cannot be decoded with these secrets and settings',
  revoked: 'it is genuine, but its session was ended',
  'duplicate-cookie': 'there is more than one',
}

/** `sessions show`: what one session holds, given the cookie. */
export function showCommand(run: Run): Command {
  return new Command('show')
    .description('Show one session, given the value of its cookie. Looking at it counts as no activity.')
    .argument('<cookie>', 'the value of the session cookie, or - to read it from standard input')
    .option('--reveal', 'show values too that look like secrets')
    .option('--json', 'print the session as JSON')
    .addHelpText('after', '\nA cookie is as good as a password: with - it does not end in the history of the shell.')
    .action(async (argument: string, { reveal = false, json }: Options) => {
      await run(async ({ engine, config }) => {
        const cookie = cookieIn(argument === '-' ? await readText(process.stdin) : argument, config.session.cookie.name)
        const opened = await engine.open(cookie)
        if (!opened.live)
          throw new Error(`This cookie leads to no session: ${reason(opened.suspicion, opened.detail)}.`)
        const { data, createdAt, lastActivity, expires, key } = opened.loaded
        const session = {
          engine: engine.name,
          kept: key === null ? 'in the cookie' : 'on the server',
          user: userIdOf(data),
          createdAt: moment(createdAt),
          lastActivity: moment(lastActivity),
          expires: moment(expires),
          bytes: Buffer.byteLength(JSON.stringify(data)),
          cookieBytes: config.session.cookie.name.length + 1 + cookie.length,
          keys: Object.keys(data).length,
          data: masked(data, reveal),
        }
        console.log(json ? printable(JSON.stringify(session)) : lines(session))
      })
    })
}

function cookieIn(text: string, name: string): string {
  const trimmed = text.trim()
  const value = trimmed.startsWith(`${name}=`) ? trimmed.slice(name.length + 1) : trimmed
  if (value === '')
    throw new WrongUse('There is no cookie to show: give its value, or - and the value on standard input.')
  return value
}

function reason(suspicion: SecurityKind | undefined, detail: string | undefined): string {
  const why = suspicion === undefined ? 'it has expired, or its session was ended' : REASONS[suspicion]
  return detail === undefined ? why : `${why} (${detail})`
}

function masked(data: SessionData, reveal: boolean): { [key: string]: Json } {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, maskedValue(key, value, reveal)]))
}

function maskedValue(key: string, value: Json, reveal: boolean): Json {
  if (HOLDS_SESSION_KEY.has(key)) return MASK
  if (!reveal && LOOKS_SECRET.test(key) && value !== null && typeof value !== 'boolean') return MASK
  if (Array.isArray(value)) return value.map((item) => maskedValue('', item, reveal))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, maskedValue(name, item, reveal)]))
}

function lines({ data, ...facts }: { data: { [key: string]: Json } } & Record<string, unknown>): string {
  const names: Readonly<Record<string, string>> = {
    createdAt: 'created',
    lastActivity: 'last activity',
    bytes: 'bytes of data',
    cookieBytes: 'bytes of cookie',
  }
  const rows = Object.entries(facts).map(([name, value]) => `${(names[name] ?? name).padEnd(16)}${value ?? 'nobody'}`)
  const values = Object.entries(data).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  return [...rows, ...(values.length > 0 ? ['data', ...values] : [])].map(printable).join('\n')
}

function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function moment(milliseconds: number): string {
  const date = new Date(milliseconds)
  return milliseconds > 0 && !Number.isNaN(date.getTime()) ? date.toISOString() : 'unknown'
}

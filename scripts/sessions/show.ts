import { text as readText } from 'node:stream/consumers'
import { Command } from 'commander'
import type { Json, SessionData } from '../../src/session/core/data.ts'
import type { SecurityKind } from '../../src/session/core/events.ts'
import { userIdOf } from '../../src/session/core/user.ts'
import { type Run, UsageError } from './run.ts'

interface Options {
  reveal?: boolean
  json?: true
}

const MASK = '(hidden)'
const SECRET_NAME = /pass|secret|token|hash|key|csrf|otp|pin$|card|cvv|cvc|iban|ssn|credential|signature|private/i
// Their values are keys of other records of this session: with one of them anybody is signed in.
const SESSION_KEY_NAMES = new Set(['_session_moved_from', '_session_record'])
// Control characters and marks of text direction that JSON does not escape.
const UNPRINTABLE = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const REASONS: Record<SecurityKind, string> = {
  'unknown-key': 'no session has this key: it has expired, was ended, or never existed',
  'malformed-cookie': 'it does not have the format of a session cookie',
  undecodable: 'the data cannot be decoded with these secrets and settings',
  revoked: 'it is valid, but its session was ended',
  'duplicate-cookie': 'there are several cookies',
}

/** `sessions show`: prints the session of a cookie. */
export function showCommand(run: Run): Command {
  return new Command('show')
    .description('Show the session of a cookie. This does not count as activity.')
    .argument('<cookie>', 'the value of the session cookie, or - to read it from standard input')
    .option('--reveal', 'also show values that look like secrets')
    .option('--json', 'print the session as JSON')
    .addHelpText(
      'after',
      '\nA cookie is as secret as a password: with - it does not appear in the history of the shell.',
    )
    .action(async (argument: string, { reveal = false, json }: Options) => {
      await run(async ({ engine, config }) => {
        const cookie = cookieIn(argument === '-' ? await readText(process.stdin) : argument, config.session.cookie.name)
        const opened = await engine.open(cookie)
        if (!opened.live)
          throw new Error(`There is no session for this cookie: ${reason(opened.suspicion, opened.detail)}.`)
        const { data, createdAt, lastActivity, expires, key } = opened.loaded
        const session = {
          engine: engine.name,
          stored: key === null ? 'in the cookie' : 'on the server',
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
  if (value === '') throw new UsageError('The cookie is missing: pass its value, or - and the value on standard input.')
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
  if (SESSION_KEY_NAMES.has(key)) return MASK
  if (!reveal && SECRET_NAME.test(key) && value !== null && typeof value !== 'boolean') return MASK
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
  const rows = Object.entries(facts).map(
    ([name, value]) => `${(names[name] ?? name).padEnd(16)}${value ?? 'anonymous'}`,
  )
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

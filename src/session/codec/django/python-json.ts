import type { Json, SessionData } from '../../core/data.ts'
import { ValueNotKeptError } from '../../core/errors.ts'

// Not a key like a number, which JavaScript would sort. Only the escapes that are written here: \u for what has no short
// form (not 08, 09, 0a, 0c, 0d), is not printable ASCII (not 20 to 7e), and in lower case.
const STRING = /"(?!\d+":)[ !#-[\]-~]*(?:\\(?:["\\bfnrt]|u(?!00(?:0[89acd]|[2-6]|7[^f]))[\da-f]{4})[ !#-[\]-~]*)*"/
const INTEGER = /(?:0|-?[1-9]\d{0,14})(?!\d)/
/**
 * JSON that is the same when it is parsed and written here, apart from repeated keys, of which both languages read the
 * last. Tested first, as parsing and writing takes ten times as long.
 */
const OURS = new RegExp(`^(?:[[\\]{}:,]|${STRING.source}|${INTEGER.source}|true|false|null)*$`)
// With some million characters the expression would overflow the stack.
const MAX_SCANNED = 2 ** 20

/** JSON as Python writes it: compact, and everything outside printable ASCII escaped. */
export function pythonJson(value: unknown): Buffer {
  return Buffer.from(pythonText(value), 'latin1')
}

/**
 * Parses a JSON object of Python, which also writes NaN and Infinity: they are read as null.
 *
 * @throws SyntaxError for anything else that is not JSON
 */
export function parsePython(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return JSON.parse(withoutConstants(text))
  }
}

/**
 * Writes data over the JSON that Python wrote: of a value that is the same, the text stays as it is, with integers beyond
 * 2^53, NaN, `1.0` and the order of keys, apart from repeated keys, of which both languages read the last.
 *
 * @throws ValueNotKeptError for a changed value in which there are numbers that JavaScript cannot hold
 */
export function pythonJsonOver(former: string, data: SessionData): Buffer {
  // Nearly always: written here, or by Python without such numbers.
  if ((former.length <= MAX_SCANNED && OURS.test(former)) || isSameAsOurs(former)) return pythonJson(data)
  const texts = new Map(members(former))
  const written = inOrderOf(texts, data).map(([key, value]) => {
    const text = texts.get(key)
    return `${pythonText(key)}:${text === undefined ? pythonText(value) : textOver(text, key, value)}`
  })
  // Another serializer than Django's may have written characters outside ASCII as they are.
  return Buffer.from(escaped(`{${written.join(',')}}`), 'latin1')
}

/** Keys like numbers come first in an object. */
function inOrderOf(former: ReadonlyMap<string, string>, data: SessionData): [string, Json][] {
  const keys = new Set([...former.keys(), ...Object.keys(data)])
  return [...keys].flatMap((key) => (data[key] === undefined ? [] : [[key, data[key]]]))
}

function isSameAsOurs(former: string): boolean {
  try {
    return pythonText(JSON.parse(former)) === former
  } catch {
    return false
  }
}

function textOver(text: string, key: string, value: Json): string {
  const own = pythonText(value)
  if (own === text || JSON.stringify(parsePython(text)) === JSON.stringify(value)) return text
  if (!isKept(text)) throw new ValueNotKeptError(key)
  return own
}

function pythonText(value: unknown): string {
  return escaped(JSON.stringify(value))
}

function escaped(json: string): string {
  return json.replace(/[\u007f-\uffff]+/g, escapes)
}

/** Of a run of characters: a call for each would take twice as long. */
function escapes(run: string): string {
  let text = ''
  for (let at = 0; at < run.length; at++) text += `\\u${run.charCodeAt(at).toString(16).padStart(4, '0')}`
  return text
}

/** Whether JavaScript can hold every number in this text. */
function isKept(text: string): boolean {
  return tokens(text).every((token) => !isConstant(token) && (!isInteger(token) || isSafe(token)))
}

function isConstant(token: string): boolean {
  return /^-?(NaN|Infinity)$/.test(token)
}

function isInteger(token: string): boolean {
  return /^-?\d+$/.test(token)
}

function isSafe(token: string): boolean {
  return Number.isSafeInteger(Number(token))
}

function withoutConstants(text: string): string {
  return tokens(text)
    .map((token) => (isConstant(token) ? 'null' : token))
    .join('')
}

/** The keys of a JSON object and their values as written, without the whitespace around them. */
function* members(text: string): Generator<[key: string, value: string]> {
  let depth = 0
  let name = ''
  let part = ''
  for (const token of tokens(text)) {
    if (/^[[{]$/.test(token) && depth++ === 0) continue
    if (/^[\]}]$/.test(token)) depth--
    if (depth === 1 && token === ':') {
      name = part
      part = ''
    } else if (depth === 0 || (depth === 1 && token === ',')) {
      if (name !== '') yield [String(JSON.parse(name)), part]
      name = part = ''
    } else if (depth > 1 || !/^\s+$/.test(token)) part += token
  }
}

/** Strings, numbers and words, spaces, and the rest one by one. */
function tokens(text: string): string[] {
  // A string without an end goes to the end, or each quote in it would be tried again.
  return text.match(/"(?:[^"\\]|\\[\s\S])*(?:"|\\?$)|[-+.\w]+|\s+|[\s\S]/g) ?? []
}

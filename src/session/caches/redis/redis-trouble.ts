import { TimeoutError } from '../../core/timeout.ts'
import { UnknownMasterError } from './redis-dial.ts'
import { describePlace, type RedisPlace } from './redis-url.ts'

/** Why there is no connection, as a sentence that says what to do. It never holds the user or the password. */
export function explainDialError(error: unknown, place: RedisPlace): Error {
  const { message, code } = partsOf(error)
  const where = describePlace(place)
  const say = (problem: string, remedy: string) => new Error(`${upperFirst(problem)}. ${remedy}`, { cause: error })
  if (/^WRONGPASS/.test(message)) {
    return say(`${where} refuses the user or the password`, 'Correct them in the URL; they are percent-encoded there.')
  }
  if (/^NOAUTH/.test(message)) return say(`${where} wants a password`, 'Write user:password@ before the host.')
  if (/DB index is out of range/.test(message)) {
    return say(`${where} has no database ${place.database}`, 'Choose a lower number in the URL.')
  }
  if (/cluster support disabled/.test(message)) {
    return say(`${where} is a single server`, 'Write redis:// in place of redis-cluster://.')
  }
  if (/^(MOVED|CLUSTERDOWN)/.test(message) && place.topology !== 'cluster') {
    return say(`${where} belongs to a cluster`, 'Write redis-cluster:// in place of redis://.')
  }
  if (error instanceof UnknownMasterError) return say(message, "Correct the master's name at the end of the URL.")
  if (/SSL|TLS|CERT|SIGNED/.test(code)) {
    return say(`${where} and this process cannot agree on TLS (${code})`, "Check the server's certificate and the URL.")
  }
  if (error instanceof TimeoutError || /timeout/i.test(message)) {
    return say(`${where} accepts no connection or says nothing`, 'Check that it is not stopped or overloaded.')
  }
  return say(`${where} cannot be reached (${code || message})`, 'Start it, or correct the URL.')
}

function partsOf(error: unknown): { message: string; code: string } {
  if (!(error instanceof Error)) return { message: String(error), code: '' }
  // A name with several addresses fails with all of their errors at once.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = first instanceof Error && 'code' in first ? String(first.code) : ''
  return { message: error.message, code }
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

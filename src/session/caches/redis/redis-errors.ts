import { TimeoutError } from '../../core/timeout.ts'
import { UnknownMasterError } from './redis-dial.ts'
import { describeTarget, type RedisTarget } from './redis-url.ts'

/** An error whose message says why there is no connection and what to do, without user name and password. */
export function explainDialError(error: unknown, target: RedisTarget): Error {
  const { message, code } = partsOf(error)
  const name = describeTarget(target)
  const problemError = (problem: string, remedy: string) =>
    new Error(`${upperFirst(problem)}. ${remedy}`, { cause: error })
  if (/^WRONGPASS/.test(message)) {
    return problemError(
      `${name} refuses the user or the password`,
      'Correct them in the URL; they are percent-encoded there.',
    )
  }
  if (/^NOAUTH/.test(message)) return problemError(`${name} wants a password`, 'Write user:password@ before the host.')
  if (/DB index is out of range/.test(message)) {
    return problemError(`${name} has no database ${target.database}`, 'Choose a lower number in the URL.')
  }
  if (/cluster support disabled/.test(message)) {
    return problemError(`${name} is a single server`, 'Write redis:// in place of redis-cluster://.')
  }
  if (/^(MOVED|CLUSTERDOWN)/.test(message) && target.topology !== 'cluster') {
    return problemError(`${name} belongs to a cluster`, 'Write redis-cluster:// in place of redis://.')
  }
  if (error instanceof UnknownMasterError)
    return problemError(message, "Correct the master's name at the end of the URL.")
  if (/CERT|SIGNED|SIGNATURE|^ERR_TLS/.test(code) && !/^ERR_SSL/.test(code)) {
    return problemError(
      `${name} has a certificate that is not trusted (${code})`,
      "Check its certificate, the certificate authority that is trusted, and the host's name in the URL.",
    )
  }
  if (/SSL|TLS/.test(code)) {
    return problemError(
      `${name} and this process cannot agree on TLS (${code})`,
      "Check the server's certificate and the URL.",
    )
  }
  if (error instanceof TimeoutError || /timeout/i.test(message)) {
    return problemError(`${name} accepts no connection or says nothing`, 'Check that it is not stopped or overloaded.')
  }
  return problemError(`${name} cannot be reached (${code || message})`, 'Start it, or correct the URL.')
}

function partsOf(error: unknown): { message: string; code: string } {
  if (!(error instanceof Error)) return { message: String(error), code: '' }
  // A host name with several addresses fails with an AggregateError.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = first instanceof Error && 'code' in first ? String(first.code) : ''
  return { message: error.message, code }
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

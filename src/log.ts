import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from './config.ts'
import { loggedError } from './log-error.ts'

/** Opens the log, which goes to standard output unless there is another destination. */
export function openLog(config: Pick<Config, 'mode' | 'logLevel'>, destination?: DestinationStream): Logger {
  // Cookies, keys and passwords are never passed to the log; redaction is the second lock.
  const redact = { paths: ['*.cookie', '*.authorization', '*.password', '*.key'], censor: '[redacted]' }
  const options = {
    level: config.logLevel,
    redact,
    serializers: { err: loggedError, error: loggedError },
    hooks: { logMethod: withSentence },
  }
  if (destination !== undefined) return pino(options, destination)
  const pretty = config.mode === 'development' && process.stdout.isTTY
  const transport = { target: 'pino-pretty', options: { singleLine: true, ignore: 'pid,hostname' } }
  return pino(pretty ? { ...options, transport } : options)
}

/** Where there is no sentence, Pino takes the message of the error, which may have values in it. */
function withSentence(this: Logger, args: unknown[], method: (...args: unknown[]) => void): void {
  method.apply(this, args.length === 1 && typeof args[0] === 'object' ? [args[0], 'failed'] : args)
}

import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from './config.ts'
import { loggedError } from './log-error.ts'

// While the reader of the log stands still, or its disk is full; later lines are dropped.
const MAX_WAITING_BYTES = 1_048_576

let dropped = 0

/** How many lines this process could not write to its log. */
export function droppedLogLines(): number {
  return dropped
}

/** Opens the log; standard output by default. */
export function openLog(config: Pick<Config, 'mode' | 'logLevel'>, destination?: DestinationStream): Logger {
  // Cookies, keys and passwords are never passed to the log; redaction is a second safeguard.
  const redact = { paths: ['*.cookie', '*.authorization', '*.password', '*.key'], censor: '[redacted]' }
  const options = {
    level: config.logLevel,
    redact,
    serializers: { err: loggedError, error: loggedError },
    hooks: { logMethod: withMessage },
  }
  if (destination !== undefined) return pino(options, destination)
  const pretty = config.mode === 'development' && process.stdout.isTTY
  const transport = { target: 'pino-pretty', options: { singleLine: true, ignore: 'pid,hostname' } }
  return pretty ? pino({ ...options, transport }) : pino(options, standardOutput())
}

/** Asynchronous, because a write that waits for the reader or for space would stop the application. */
function standardOutput(): DestinationStream {
  const stream = pino.destination({ dest: 1, sync: false, maxLength: MAX_WAITING_BYTES })
  stream.on('drop', () => void dropped++)
  // The lines wait, and the next one tries again.
  stream.on('error', () => {})
  return stream
}

/** Without a message, Pino logs that of the error, which may contain values. */
function withMessage(this: Logger, args: unknown[], method: (...args: unknown[]) => void): void {
  method.apply(this, args.length === 1 && typeof args[0] === 'object' ? [args[0], 'failed'] : args)
}

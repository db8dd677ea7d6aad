import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from './config.ts'
import { loggedError } from './log-error.ts'
import { LogOutput } from './log-output.ts'

let output: LogOutput | undefined

/** How many lines this process could not write to its standard output. */
export function droppedLogLines(): number {
  return output?.dropped ?? 0
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
  if (pretty) return pino({ ...options, transport })
  output ??= new LogOutput(1)
  return pino(options, output)
}

/** Without a message, Pino logs that of the error, which may contain values. */
function withMessage(this: Logger, args: unknown[], method: (...args: unknown[]) => void): void {
  method.apply(this, args.length === 1 && typeof args[0] === 'object' ? [args[0], 'failed'] : args)
}

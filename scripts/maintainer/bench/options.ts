import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import { projectRoot } from '../../../src/paths.ts'

/** @throws InvalidArgumentError unless the option is a number above 0 */
export function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}

/** @throws InvalidArgumentError unless the option is a number, and not below 0 */
export function notNegative(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('It must be a number, 0 or above.')
  return value
}

/** @throws InvalidArgumentError unless the option is a whole number above 0 */
export function whole(text: string): number {
  const value = positive(text)
  if (!Number.isInteger(value)) throw new InvalidArgumentError('It must be a whole number.')
  return value
}

/**
 * The names that an option lists, separated by commas.
 *
 * @throws InvalidArgumentError for an unknown one
 */
export function someOf(known: Readonly<Record<string, unknown>>): (text: string) => string[] {
  return (text) => {
    const chosen = text.split(',').filter((name) => name !== '')
    const unknown = chosen.find((name) => !(name in known))
    if (unknown !== undefined) throw new InvalidArgumentError(`There is no "${unknown}".`)
    return chosen
  }
}

/** A folder for the time of this program. On disk, as in a deployment: one for temporary files may be in memory. */
export function workFolder(): string {
  const data = join(projectRoot, 'data')
  mkdirSync(data, { recursive: true })
  const folder = mkdtempSync(join(data, 'bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))
  return folder
}

/**
 * The option of how long disturbed measurements may be repeated.
 *
 * @param minutes its default
 */
export function retryOption(minutes: number): Option {
  return new Option(
    '--retry-minutes <number>',
    'the longest time, in all, for repeating measurements that other processes disturbed',
  )
    .argParser(notNegative)
    .default(minutes)
}

/** Says how long a run will take on a quiet machine. */
export function announce(seconds: number, retryMinutes: number): void {
  const [minutes, end] = [seconds / 60, new Date(Date.now() + seconds * 1000)]
  const time = minutes < 1.5 ? `${Math.ceil(seconds)} seconds` : `${Math.round(minutes)} minutes`
  console.log(
    `About ${time} on a quiet machine, until ${end.toTimeString().slice(0, 5)}; up to ${retryMinutes} minutes more where other processes disturb.`,
  )
}

/** What the figures of a report were measured on. */
export function machine(): { node: string; processor: string; cores: number } {
  return { node: process.version, processor: cpus()[0]?.model ?? 'unknown', cores: cpus().length }
}

/** Writes a report, with its date and machine, to a file of the project, and says so. */
export function writeReport(json: string, report: object): void {
  const file = resolve(projectRoot, json)
  mkdirSync(dirname(file), { recursive: true })
  const dated = { date: new Date().toISOString(), machine: machine(), ...report }
  writeFileSync(file, `${JSON.stringify(dated, null, 2)}\n`)
  console.log(`\nAll figures are in ${json}.`)
}

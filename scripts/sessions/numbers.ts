import { InvalidArgumentError } from 'commander'

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Milliseconds of `30d`, `12h`, `15m`, `45s` or `2w`. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  const factor = UNITS[unit ?? '']
  // 0 would select all sessions, and is more likely a mistake.
  if (amount === undefined || factor === undefined || Number(amount) === 0) {
    throw new InvalidArgumentError('Use a number and a unit: 45s, 15m, 12h, 30d or 2w.')
  }
  return Number(amount) * factor
}

/** Parses a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Use a number from ${min} to ${max}.`)
    }
    return value
  }
}

import type { Display } from '../../web/display.ts'

/** Numbers and times in the visitor's format. */
export interface Format {
  milliseconds(value: number): string
  bytes(value: number): string
  /** 0 to 1, as a percentage. */
  share(value: number): string
  /** Milliseconds since 1970, as date and time. */
  moment(at: number): string
  clock(at: number): string
  /** Relative to now: "in 14 days", "3 minutes ago". */
  distance(at: number): string
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** The formats for these preferences. */
export function formats({ language, timeZone }: Display): Format {
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 })
  const tenths = new Intl.NumberFormat(language, { maximumFractionDigits: 1 })
  const share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
  const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium', timeZone })
  const clock = new Intl.DateTimeFormat(language, { timeStyle: 'medium', timeZone })
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  return {
    milliseconds: (value) => `${tenths.format(value)}\u00a0ms`,
    bytes: (value) => `${whole.format(value)}\u00a0B`,
    share: (value) => share.format(value),
    moment: (at) => moment.format(at),
    clock: (at) => clock.format(at),
    distance: (at) => {
      const difference = at - Date.now()
      // From two of a unit on: "90 minutes" is more precise than "1 hour".
      const [unit, length] =
        UNITS.find(([, length]) => Math.abs(difference) >= 2 * length) ?? (['second', 1000] as const)
      return relative.format(Math.round(difference / length), unit)
    },
  }
}

import type { Display } from '../../web/display.ts'

/** Numbers in the visitor's format. */
export interface Format {
  /** 0 to 1, as a percentage. */
  share(value: number): string
  milliseconds(value: number): string
  count(value: number): string
  bytes(value: number): string
  /** Seconds, in the largest unit that fits, such as 3 days. */
  duration(seconds: number): string
  /** Milliseconds since 1970, as hours, minutes and seconds. */
  clock(at: number): string
  /** Milliseconds since 1970, as hours and minutes. */
  minute(at: number): string
  /** Milliseconds since 1970, as the time that has passed since. */
  ago(at: number): string
}

const BYTE_UNITS = [
  [1_000_000_000, 'GB'],
  [1_000_000, 'MB'],
  [1000, 'kB'],
] as const

const TIME_UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

/** The formats for these preferences, with few digits. */
export function formats({ language, timeZone }: Display, now: () => number = Date.now): Format {
  const share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
  const precise = new Intl.NumberFormat(language, { maximumSignificantDigits: 2 })
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 })
  const few = (value: number) => (value < 10 ? precise : whole).format(value)
  // 24 hours in every language: axes and tables have little room.
  const hours = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone } as const
  const clock = new Intl.DateTimeFormat(language, { ...hours, second: '2-digit' })
  const minute = new Intl.DateTimeFormat(language, hours)
  const ago = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' })
  return {
    share: (value) => share.format(value),
    milliseconds(value) {
      return value < 1000 ? `${few(value)}\u00a0ms` : `${few(value / 1000)}\u00a0s`
    },
    count: (value) => whole.format(value),
    bytes(value) {
      const [size, unit] = BYTE_UNITS.find(([least]) => value >= least) ?? ([1, 'B'] as const)
      return `${few(value / size)}\u00a0${unit}`
    },
    duration(seconds) {
      const [unit, length] = largestUnit(seconds)
      return new Intl.NumberFormat(language, {
        style: 'unit',
        unit,
        unitDisplay: 'long',
        maximumFractionDigits: 0,
      }).format(Math.floor(seconds / length))
    },
    clock: (at) => clock.format(at),
    minute: (at) => minute.format(at),
    ago(at) {
      const seconds = Math.max(0, (now() - at) / 1000)
      const [unit, length] = largestUnit(seconds)
      return ago.format(-Math.floor(seconds / length), unit)
    },
  }
}

function largestUnit(seconds: number) {
  return TIME_UNITS.find(([, length]) => seconds >= length) ?? (['second', 1] as const)
}

import type { Display } from '../../web/display.ts'

/** Numbers in the visitor's format. */
export interface Format {
  /** 0 to 1, as a percentage. */
  share(value: number): string
  milliseconds(value: number): string
  count(value: number): string
  bytes(value: number): string
  /** Milliseconds since 1970, as hours, minutes and seconds. */
  clock(at: number): string
}

/** The formats for these preferences, with few digits. */
export function formats({ language, timeZone }: Display): Format {
  const share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
  const precise = new Intl.NumberFormat(language, { maximumSignificantDigits: 2 })
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 })
  const clock = new Intl.DateTimeFormat(language, { timeStyle: 'medium', timeZone })
  return {
    share: (value) => share.format(value),
    milliseconds: (value) => `${(value < 10 ? precise : whole).format(value)}\u00a0ms`,
    count: (value) => whole.format(value),
    bytes(value) {
      if (value < 10_000) return `${whole.format(value)}\u00a0B`
      return value < 10_000_000 ? `${whole.format(value / 1000)}\u00a0kB` : `${whole.format(value / 1_000_000)}\u00a0MB`
    },
    clock: (at) => clock.format(at),
  }
}

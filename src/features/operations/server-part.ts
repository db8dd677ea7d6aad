import type { Translate } from '../../web/i18n.ts'
import type { ServerFigures } from './cache-servers.ts'
import type { Format } from './formats.ts'

/** A row of the card of a cache server. Of a figure that the server does not have there is none. */
interface ServerRow {
  readonly label: string
  value(figures: ServerFigures['figures'], format: Format, t: Translate): string | undefined
}

const row = (label: string, names: readonly string[], show: (value: number, format: Format) => string): ServerRow => ({
  label,
  value(figures, format) {
    const name = names.find((one) => figures[one] !== undefined)
    return name === undefined ? undefined : show(figures[name] ?? 0, format)
  },
})

const count = (value: number, format: Format) => format.count(value)

// Redis and Memcached have other names for the same.
const ROWS: readonly ServerRow[] = [
  {
    label: 'In use',
    value(figures, { bytes }, t) {
      const used = figures['used_memory'] ?? figures['bytes']
      const max = figures['max_memory'] ?? figures['max_bytes'] ?? 0
      if (used === undefined) return undefined
      return max === 0 ? bytes(used) : t('{used} of {total}', { used: bytes(used), total: bytes(max) })
    },
  },
  row('Entries', ['keys', 'items'], count),
  {
    label: 'Hits',
    value({ hits, misses }, { share }) {
      if (hits === undefined || misses === undefined) return undefined
      return hits + misses === 0 ? '–' : share(hits / (hits + misses))
    },
  },
  row('Evicted', ['evicted', 'evictions'], count),
  row('Refused for lack of memory', ['out_of_memory'], count),
  row('Connections', ['connected_clients', 'connections'], count),
  row('Slow commands', ['slow_log'], count),
  row('Up for', ['uptime_seconds', 'uptime'], (value, format) => format.duration(value)),
]

/** What the card of a cache server shows. */
export function serverPart({ up, figures, slowCommands }: ServerFigures, format: Format, t: Translate) {
  return {
    up,
    rows: ROWS.flatMap((one) => {
      const value = one.value(figures, format, t)
      return value === undefined ? [] : [{ label: t(one.label), value }]
    }),
    slowCommands: slowCommands.map(({ command, microseconds, at }) => ({
      command,
      duration: format.milliseconds(microseconds / 1000),
      at,
    })),
  }
}

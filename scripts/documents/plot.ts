import type { Choice } from '../../src/storage/choice.ts'
import { figuresOf, type Measured } from './measured.ts'

/** One line of the plot: shares of bare Koa's requests per second. */
interface Row {
  readonly name: string
  readonly read: number
  readonly change: number
  readonly isPeer: boolean
}

const PEERS = [
  { candidate: 'koa-session', name: 'koa-session, cookie' },
  { candidate: 'koa-session-node-redis', name: 'koa-session, node-redis' },
  { candidate: 'koa-session-ioredis', name: 'koa-session, ioredis' },
]

// In pixels.
const ROW = 34
const BAR = 11
const TOP = 44
const LEFT = 210
const WIDTH = 720
const SCALE = WIDTH - LEFT - 60

/** `docs/speed.svg`: reads and changes of each engine beside those of koa-session, the fastest reads first. */
export function speedPlot(measured: Measured | undefined, choices: readonly Choice[]): string {
  const rows = [...choices.flatMap((choice) => choice.measured), ...PEERS]
    .flatMap(({ candidate, name }): Row[] => {
      const figures = figuresOf(measured, candidate)
      return figures === undefined
        ? []
        : [{ name, ...figures, isPeer: PEERS.some((peer) => peer.candidate === candidate) }]
    })
    .sort((one, other) => other.read - one.read)
  const height = TOP + Math.max(1, rows.length) * ROW + 8
  const max = Math.max(0.01, ...rows.flatMap(({ read, change }) => [read, change]))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title">
<title id="title">Requests per second of each engine, as a share of Koa without sessions</title>
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .read { fill: #2563a8 } .change { fill: #b45f06 } .peer { font-weight: 600 } .band { fill: #8882 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .read { fill: #79b8ff } .change { fill: #f0a35e } }
</style>
<rect class="read" x="${LEFT}" y="14" width="11" height="11"/><text x="${LEFT + 17}" y="24">reads</text>
<rect class="change" x="${LEFT + 80}" y="14" width="11" height="11"/><text x="${LEFT + 97}" y="24">changes, as a share of Koa without sessions</text>
${rows.length === 0 ? `<text x="0" y="${TOP + 18}">Nothing has been measured yet.</text>` : rows.map((row, index) => line(row, index, max)).join('\n')}
</svg>
`
}

function line({ name, read, change, isPeer }: Row, index: number, max: number): string {
  const y = TOP + index * ROW
  const bar = (kind: 'read' | 'change', share: number, top: number) => {
    const width = Math.round((share / max) * SCALE)
    return `<rect class="${kind}" x="${LEFT}" y="${top}" width="${width}" height="${BAR}"/><text x="${LEFT + width + 6}" y="${top + BAR - 1}">${Math.round(share * 100)} %</text>`
  }
  return [
    ...(isPeer ? [`<rect class="band" x="0" y="${y}" width="${WIDTH}" height="${ROW - 2}"/>`] : []),
    `<text${isPeer ? ' class="peer"' : ''} x="4" y="${y + 21}">${escaped(name)}</text>`,
    bar('read', read, y + 4),
    bar('change', change, y + 5 + BAR),
  ].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

import type { Language } from '../../web/languages.ts'

/** The headings of the tables, by what stands below them. */
export const COLUMNS = {
  glance: [
    { key: 'persistence', title: 'Sessions are in' },
    { key: 'scale', title: 'Scale' },
    { key: 'complexity', title: 'Complexity' },
    { key: 'memory', title: 'Memory' },
    { key: 'setup', title: 'Setup' },
    { key: 'upkeep', title: 'Upkeep' },
  ],
  speed: [
    { key: 'none', title: 'Page without session' },
    { key: 'read', title: 'Read' },
    { key: 'change', title: 'Change' },
    { key: 'p99Read', title: 'Read, p99' },
    { key: 'p99Change', title: 'Change, p99' },
  ],
  faults: [
    { key: 'out', title: 'Out of reach' },
    { key: 'restarted', title: 'Restarted' },
    { key: 'emptied', title: 'Emptied' },
  ],
  abilities: [
    { key: 'devices', title: 'List of devices' },
    { key: 'stats', title: 'Statistics' },
    { key: 'clear', title: 'Clearing' },
    { key: 'warming', title: 'Warming' },
  ],
} as const

/** What the page and the document say above their parts. */
export const NOTES = {
  intro:
    'Where sessions live is one setting. Nothing else in an application changes with it, and the two promises are the same everywhere, but for the exceptions that are written here.',
  guide: 'Answer the one that matters most to you first; the engines that fit are named, the best fit first.',
  glance: 'Read and Change: requests per second as a share of bare Koa, which does the same work without sessions.',
  speed:
    'Shares are of the requests per second of bare Koa in the same round; p99 is the time within which 99 of 100 requests were answered. Compare them with each other: your machine will differ.',
  anonymous:
    'The sessions have about 300 bytes and are anonymous, and so fit in a cookie. A signed-in one on signed_cookies or hybrid costs one more statement for each request.',
  faults: 'An outage never signs anybody out: who cannot be recognised for a moment gets a 503 and keeps the cookie.',
  abilities:
    'Clearing removes expired sessions by npm run sessions -- clear, and from time to time by the application itself. In the format django, devices cannot be listed, and statistics know no ages.',
  migrating:
    'To change the engine later without signing anybody out, set SESSION_MOVING_FROM to the old one for a while.',
  unmeasured: 'Not measured',
} as const

/** A share, to the percent. */
export function percent(share: number, language: Language): string {
  return new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 }).format(share)
}

/** To a tenth of a millisecond. */
export function milliseconds(time: number, language: Language): string {
  return `${new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(time)} ms`
}

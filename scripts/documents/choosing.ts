import type { Choice } from '../../src/storage/choice.ts'
import { readChoices } from '../../src/storage/choices.ts'
import { type Figures, figuresOf, type Measured } from './measured.ts'
import { table, wrapped } from './text.ts'

const REFERENCES = [
  { candidate: 'koa', name: 'Koa without sessions' },
  { candidate: 'koa-session', name: 'koa-session, cookie' },
  { candidate: 'koa-session-node-redis', name: 'koa-session, Redis by node-redis' },
  { candidate: 'koa-session-ioredis', name: 'koa-session, Redis by ioredis' },
  { candidate: 'koa-generic-session', name: 'koa-generic-session, Redis' },
  { candidate: 'iron-session', name: 'iron-session on Koa, cookie' },
  { candidate: 'express', name: 'Express without sessions' },
  { candidate: 'express-session-redis', name: 'express-session, Redis' },
  { candidate: 'express-session-knex', name: 'express-session, SQLite' },
  { candidate: 'fastify', name: 'Fastify without sessions' },
  { candidate: 'fastify-session', name: '@fastify/session, Redis' },
  { candidate: 'fastify-secure-session', name: '@fastify/secure-session, cookie' },
]
const MAX_FASTEST = 3

interface Rated extends Choice {
  readonly figures: Figures | undefined
}

/** The whole of `docs/choosing-an-engine.md`. */
export async function choosingAnEngine(measured: Measured | undefined): Promise<string> {
  const choices = (await readChoices()).map((choice) => ({
    ...choice,
    figures: figuresOf(measured, choice.measured[0]?.candidate),
  }))
  const sections = [
    '# Choosing an engine',
    wrapped(
      'Where sessions are stored is one setting. Nothing else in an application changes with it, and the [two guarantees](architecture.md#the-two-guarantees) are the same everywhere, except for the limits described here. On every engine, two first visits at once begin two sessions, and the browser keeps the one whose response arrives last; likewise a change with the cookie of a session that has ended begins a session, whose cookie may replace that of a newer sign-in. A session that expired only because a clock ran ahead is valid again once the clock is right, unless it was cleared. `/engines` shows this document and marks the engine that is running. `npm run documents` generates it from `docs/measured.json` and the texts beside each engine in `src/storage`.',
    ),
    ...['## Recommendations', wrapped(adviceNote(measured)), advice(choices)],
    ...['## Overview', overview(choices)],
    ...['## Speed', ...speed(choices, measured)],
    '## When something fails',
    wrapped(
      'An outage never signs anybody out: visitors whose session cannot be loaded get a 503 and keep their cookie.',
    ),
    table(
      ['Engine', 'Down', 'Restarted', 'Emptied'],
      choices.map(({ name, down, restarted, emptied }) => [name, down, restarted, emptied]),
    ),
    '## Features',
    wrapped(
      'Clearing deletes expired sessions, with `npm run sessions -- clear` or regularly by the application itself. In the format django, devices cannot be listed, SESSION_MAX_PER_USER does not apply, and statistics have no ages.',
    ),
    table(
      ['Engine', 'List of devices', 'Statistics', 'Clearing', 'Warming'],
      choices.map(({ name, lists, statistics, clearing, warming }) => [name, lists, statistics, clearing, warming]),
    ),
    '## Each engine',
    wrapped(
      'To change the engine later without signing anybody out, follow "Migrating sessions" in [sessions.md](sessions.md).',
    ),
    ...choices.map(section),
  ]
  return `${sections.join('\n\n')}\n`
}

function adviceNote(measured: Measured | undefined): string {
  if (measured === undefined) return 'Nothing has been measured yet, so these are not sorted.'
  return `Sorted by speed, the fastest first: the share is that of bare Koa's requests per second, for reads unless the row is about changes, and for signed_cookies that of its default format, sealed. What was not measured comes last, without a figure.`
}

function advice(choices: readonly Rated[]): string {
  const list = (fits: (choice: Choice) => boolean, by: 'read' | 'change' = 'read', max = choices.length) => {
    const share = ({ figures }: Rated) => figures?.[by] ?? 0
    const fitting = choices.filter(fits).sort((one, other) => share(other) - share(one))
    return fitting
      .slice(0, max)
      .map((choice) => (choice.figures === undefined ? choice.name : `${choice.name} (${percent(share(choice))})`))
      .join(', ')
  }
  const lasting = ({ durable, bothGuarantees }: Choice) => durable && bothGuarantees
  const rows = [
    ['the fastest reads', list(({ measured }) => measured.length > 0, 'read', MAX_FASTEST)],
    ['the fastest changes', list(({ measured }) => measured.length > 0, 'change', MAX_FASTEST)],
    ['both guarantees, without the limits of cookies', list(({ bothGuarantees }) => bothGuarantees)],
    ['both guarantees, and saves that survive a crash', list(lasting)],
    ['both guarantees, saves that survive a crash, and the fastest changes', list(lasting, 'change', MAX_FASTEST)],
    ['nothing to install, and sessions that survive a restart', list((one) => one.needs.length === 0 && one.durable)],
    ['many machines on a database server', list((one) => runsOnManyMachines(one) && !one.needs.includes('cache'))],
    ['many machines on a cache server', list((one) => runsOnManyMachines(one) && one.needs.includes('cache'))],
    ['users who can list and end their sessions', list((one) => one.lists === 'yes')],
  ] as const
  return table(
    ['You want', 'Use'],
    rows.filter(([, names]) => names !== ''),
  )
}

function runsOnManyMachines({ machines }: Choice): boolean {
  return machines === 'many machines'
}

function overview(choices: readonly Rated[]): string {
  const titles = ['Read', 'Change', 'Stored in', 'For', 'Complexity', 'Memory', 'Setup', 'Upkeep']
  const rows = choices.map((choice) => {
    const { name, figures, keptIn, machines, complexity, memory, setup, upkeep } = choice
    const shares = figures === undefined ? ['–', '–'] : [percent(figures.read), percent(figures.change)]
    return [name, ...shares, keptIn, machines, complexity, memory, setup, upkeep]
  })
  return table(['Engine', ...titles], rows)
}

function speed(choices: readonly Choice[], measured: Measured | undefined): string[] {
  if (measured === undefined) {
    return ['There are no figures yet.']
  }
  const { date, rounds, seconds, warmUp, connections, sessions, machine } = measured
  const rows = [...choices.flatMap((choice) => choice.measured), ...REFERENCES].flatMap(({ candidate, name }) => {
    const found = figuresOf(measured, candidate)
    if (found === undefined) return []
    const times = [found.p99Read, found.p99Change].map((time) => `${time.toFixed(1)} ms`)
    const { none, read, change, rangeRead, rangeChange } = found
    return [[name, percent(none), withRange(read, rangeRead), withRange(change, rangeChange), ...times]]
  })
  return [
    wrapped(
      'Shares are of the requests per second of bare Koa right before and after, with the least and the greatest of the rounds; p99 is the time within which 99 of 100 requests were answered. The row of Koa compares it with itself, so its range is the noise of this machine; Express and Fastify have a speed of their own. Compare them with each other: your machine will differ.',
    ),
    table(['Engine', 'Page without session', 'Read', 'Change', 'Read, p99', 'Change, p99'], rows, '---:'),
    wrapped(
      'The sessions have about 350 bytes and are anonymous, and so fit in a cookie. A signed-in session in a cookie costs one more statement for each request.',
    ),
    wrapped(
      `Measured on ${date.slice(0, 10)}: ${rounds} × ${seconds} s, each after ${warmUp} s of the same requests, ${connections} connections, ${sessions} sessions; Node ${machine.node}, ${machine.processor}, ${machine.cores} cores. All figures are in \`docs/measured.json\`.`,
    ),
  ]
}

function section({ name, bestFor, avoidWhen, limits, settings }: Choice): string {
  return [
    `### ${name}`,
    wrapped(`**Best for:** ${bestFor}`),
    wrapped(`**Avoid when:** ${avoidWhen}`),
    '**Limits:**',
    limits.map((limit) => `- ${wrapped(limit, '  ').trimStart()}`).join('\n'),
    `\`\`\`sh\n${settings}\n\`\`\``,
  ].join('\n\n')
}

function withRange(share: number, range: readonly [number, number] | null): string {
  const [least, greatest] = (range ?? [share, share]).map((one) => Math.round(one * 100))
  return least === greatest ? percent(share) : `${percent(share)} (${least}–${greatest})`
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}

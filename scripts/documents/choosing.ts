import type { Choice } from '../../src/storage/choice.ts'
import { caches, engines } from '../../src/storage/index.ts'
import { type Figures, figuresOf, type Measured } from './measured.ts'
import { table, wrapped } from './text.ts'

const BESIDE = [
  { candidate: 'koa', name: 'Koa without sessions' },
  { candidate: 'koa-session', name: 'koa-session, in its cookie' },
]
const FEW = 3

interface Rated extends Choice {
  readonly figures: Figures | undefined
}

/** All choices of this project, in the order of its engines and caches. */
export async function readChoices(): Promise<readonly Choice[]> {
  const all: Choice[] = []
  for (const { choices } of engines) {
    const told = choices === undefined ? caches.map((cache) => cache.choices()) : [choices()]
    for (const { default: more } of await Promise.all(told)) all.push(...more)
  }
  return all
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
      'Where sessions live is one setting. Nothing else in an application changes with it, and the two promises are the same everywhere, but for the exceptions that are written here. On every engine, two first visits at once begin two sessions, and the browser keeps the one whose answer comes last. `/engines` shows the same, and marks the engine that is running. `npm run documents` writes this from `docs/measured.json` and from what is said beside each engine in `src/storage`.',
    ),
    ...['## Which one', wrapped(adviceNote(measured)), advice(choices)],
    ...['## At a glance', glance(choices)],
    ...['## Speed', ...speed(choices, measured)],
    '## When something fails',
    wrapped(
      'An outage never signs anybody out: who cannot be recognised for a moment gets a 503 and keeps the cookie.',
    ),
    table(
      ['Engine', 'Down', 'Restarted', 'Emptied'],
      choices.map(({ name, down, restarted, emptied }) => [name, down, restarted, emptied]),
    ),
    '## Abilities',
    wrapped(
      'Clearing removes expired sessions by `npm run sessions -- clear`, and from time to time by the application itself. In the format django, devices cannot be listed, and statistics know no ages.',
    ),
    table(
      ['Engine', 'List of devices', 'Statistics', 'Clearing', 'Warming'],
      choices.map(({ name, lists, statistics, clearing, warming }) => [name, lists, statistics, clearing, warming]),
    ),
    '## One by one',
    wrapped(
      'To change the engine later without signing anybody out, set SESSION_MOVING_FROM to the old one for a while.',
    ),
    ...choices.map(portrait),
  ]
  return `${sections.join('\n\n')}\n`
}

function adviceNote(measured: Measured | undefined): string {
  if (measured === undefined) return 'Nothing has been measured yet, so these are in no order.'
  return `In the order of what was measured, the fastest first: the share is that of bare Koa's requests per second, for reads unless changes are named. What was not measured comes last, with no figure.`
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
  const lasting = ({ durable, bothPromises }: Choice) => durable && bothPromises
  const rows = [
    ['the fastest reads', list((one) => one.measured.length > 0, 'read', FEW)],
    ['the fastest changes', list((one) => one.measured.length > 0, 'change', FEW)],
    ['both promises, with no exception for cookies', list((one) => one.bothPromises)],
    ['both promises, and saves that outlast the server', list(lasting)],
    ['both promises, saves that outlast the server, and the fastest changes', list(lasting, 'change', FEW)],
    ['to install nothing, and to survive a restart', list((one) => one.needs.length === 0 && one.durable)],
    ['many machines on a database server', list((one) => many(one) && !one.needs.includes('cache'))],
    ['many machines on a cache server', list((one) => many(one) && one.needs.includes('cache'))],
    ['users who see their devices and end them', list((one) => one.lists === 'yes')],
  ] as const
  return table(
    ['You want', 'Take'],
    rows.filter(([, names]) => names !== ''),
  )
}

function many({ machines }: Choice): boolean {
  return machines === 'many machines'
}

function glance(choices: readonly Rated[]): string {
  const titles = ['Read', 'Change', 'Sessions are in', 'For', 'Complexity', 'Memory', 'Setup', 'Upkeep']
  const rows = choices.map((choice) => {
    const { name, figures, keptIn, machines, complexity, memory, setup, upkeep } = choice
    const shares = figures === undefined ? ['–', '–'] : [percent(figures.read), percent(figures.change)]
    return [name, ...shares, keptIn, machines, complexity, memory, setup, upkeep]
  })
  return table(['Engine', ...titles], rows)
}

function speed(choices: readonly Choice[], measured: Measured | undefined): string[] {
  if (measured === undefined) {
    return ['There are no figures yet: `npm run bench -- --json docs/measured.json` makes them.']
  }
  const { date, rounds, seconds, connections, sessions, machine } = measured
  const rows = [...choices.flatMap((choice) => choice.measured), ...BESIDE].flatMap(({ candidate, name }) => {
    const found = figuresOf(measured, candidate)
    if (found === undefined) return []
    const times = [found.p99Read, found.p99Change].map((time) => `${time.toFixed(1)} ms`)
    return [[name, ...[found.none, found.read, found.change].map(percent), ...times]]
  })
  return [
    wrapped(
      'Shares are of the requests per second of bare Koa in the same round; p99 is the time within which 99 of 100 requests were answered. Compare them with each other: your machine will differ.',
    ),
    table(['Engine', 'Page without session', 'Read', 'Change', 'Read, p99', 'Change, p99'], rows, '---:'),
    wrapped(
      'The sessions have about 300 bytes and are anonymous, and so fit in a cookie. A signed-in session in a cookie costs one more statement for each request.',
    ),
    wrapped(
      `Measured on ${date.slice(0, 10)} by \`npm run bench\`: ${rounds} × ${seconds} s, ${connections} connections, ${sessions} sessions; Node ${machine.node}, ${machine.processor}, ${machine.cores} cores. All figures are in \`docs/measured.json\`.`,
    ),
  ]
}

function portrait({ name, bestFor, avoidWhen, exceptions, settings }: Choice): string {
  return [
    `### ${name}`,
    wrapped(`**Best for:** ${bestFor}`),
    wrapped(`**Avoid when:** ${avoidWhen}`),
    '**Where its promises end:**',
    exceptions.map((exception) => `- ${wrapped(exception, '  ').trimStart()}`).join('\n'),
    `\`\`\`sh\n${settings}\n\`\`\``,
  ].join('\n\n')
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}

import { type Criterion, GUIDE } from './guide.ts'
import { figuresOf, type Measured } from './measured.ts'
import { COLUMNS, milliseconds, NOTES, percent } from './texts.ts'
import { VARIANTS, type Variant } from './variants.ts'

const HEAD = `<!-- Written by "node scripts/run.mjs src/features/choosing/write-document.ts": change src/features/choosing instead. -->

# Choosing an engine`

/** The page as Markdown: `docs/choosing-an-engine.md` from its first to its last character. */
export function document(measured: Measured | undefined): string {
  const sections = [
    HEAD,
    paragraph(NOTES.intro),
    paragraph('The same is at `/engines`, where the running engine is marked.'),
    ...['## Four questions', paragraph(NOTES.guide), ...GUIDE.map(question)],
    ...['## At a glance', paragraph(NOTES.glance), glance(measured)],
    ...['## Speed', ...speed(measured)],
    ...['## When something fails', paragraph(NOTES.faults), table(COLUMNS.faults, ({ faults }) => faults)],
    ...['## Abilities', paragraph(NOTES.abilities), table(COLUMNS.abilities, ({ abilities }) => abilities)],
    ...['## One by one', paragraph(NOTES.migrating), ...VARIANTS.map(portrait)],
  ]
  return `${sections.join('\n\n')}\n`
}

function question({ title, question, answers }: Criterion): string {
  const name = (id: string) => VARIANTS.find((variant) => variant.id === id)?.name ?? id
  const lines = answers.map(({ when, take, because }) => `| ${when} | ${take.map(name).join(', ')} | ${because} |`)
  return [`**${title}: ${question}**\n`, '| answer | take | because |', '|---|---|---|', ...lines].join('\n')
}

function glance(measured: Measured | undefined): string {
  const figures = new Map(figuresOf(measured).map((one) => [one.candidate, one]))
  const columns = [
    { key: 'read', title: 'Read' } as const,
    { key: 'change', title: 'Change' } as const,
    ...COLUMNS.glance,
  ]
  return table(columns, ({ measured: [first], glance }) => {
    const found = figures.get(first?.candidate ?? '')
    const share = (value: number | undefined) => (value === undefined ? NOTES.unmeasured : percent(value, 'en'))
    return { ...glance, read: share(found?.read), change: share(found?.change) }
  })
}

function speed(measured: Measured | undefined): string[] {
  if (measured === undefined)
    return ['There are no figures yet: `npm run bench -- --json docs/measured.json` makes them.']
  const { date, rounds, seconds, connections, sessions, machine } = measured
  const rows = figuresOf(measured).map(({ name, none, read, change, p99Read, p99Change }) => {
    const shares = [none, read, change].map((share) => percent(share, 'en'))
    const times = [p99Read, p99Change].map((time) => milliseconds(time, 'en'))
    return `| ${[name, ...shares, ...times].join(' | ')} |`
  })
  const titles = COLUMNS.speed.map(({ title }) => title)
  const conditions = `Measured on ${date.slice(0, 10)} by \`npm run bench\`: ${rounds} × ${seconds} s, ${connections} connections, ${sessions} sessions; Node ${machine.node}, ${machine.processor}, ${machine.cores} cores. All figures are in [measured.json](measured.json).`
  return [
    paragraph(NOTES.speed),
    [`| Engine | ${titles.join(' | ')} |`, `|---|${titles.map(() => '---:|').join('')}`, ...rows].join('\n'),
    paragraph(NOTES.anonymous),
    paragraph(conditions),
  ]
}

function table<Key extends string>(
  columns: readonly { readonly key: Key; readonly title: string }[],
  cells: (variant: Variant) => Readonly<Record<Key, string>>,
): string {
  const rows = VARIANTS.map((variant) => {
    const row = cells(variant)
    return `| ${[variant.name, ...columns.map(({ key }) => row[key])].join(' | ')} |`
  })
  const titles = columns.map(({ title }) => title)
  return [`| Engine | ${titles.join(' | ')} |`, `|---|${titles.map(() => '---|').join('')}`, ...rows].join('\n')
}

function portrait({ name, bestFor, avoidWhen, exceptions, settings }: Variant): string {
  return [
    `### ${name}`,
    paragraph(`**Best for:** ${bestFor}`),
    paragraph(`**Avoid when:** ${avoidWhen}`),
    `**Where its promises end:**\n\n${exceptions.map((exception) => `- ${paragraph(exception, '  ')}`).join('\n')}`,
    `\`\`\`sh\n${settings}\n\`\`\``,
  ].join('\n\n')
}

const WIDTH = 120

/** Broken into lines as the other documents are. */
function paragraph(text: string, indent = ''): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(last === undefined ? word : indent + word)
  }
  return lines.join('\n')
}

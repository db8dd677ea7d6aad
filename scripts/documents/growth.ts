import { capacity } from './capacity.ts'
import type { Growth } from './growth-report.ts'
import { measuredGrowth } from './growth-tables.ts'

const BEGIN = '<!-- measured -->'
const END = '<!-- end of measured -->'

/**
 * `docs/scaling.md` with the figures of these engines between its two marks.
 *
 * @throws Error if the marks are missing
 */
export function withFigures(text: string, growth: Growth | undefined, engines: readonly string[]): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`docs/scaling.md needs the marks ${BEGIN} and ${END}.`)
  return `${text.slice(0, from + BEGIN.length)}\n\n${figures(growth, [...engines, ...WITHOUT_ENGINE])}\n\n${text.slice(to)}`
}

// Bare Koa, and the store that no setting names.
const WITHOUT_ENGINE = ['koa', 'memory']

function figures(growth: Growth | undefined, engines: readonly string[]): string {
  const questions = Object.entries(growth?.questions ?? {}).flatMap(([name, asked]) => {
    // A candidate's name begins with that of its engine.
    const rows = asked.rows.filter(({ candidate }) => engines.includes(candidate.split('-', 1)[0] ?? ''))
    return rows.length === 0 ? [] : [[name, { ...asked, rows }] as const]
  })
  if (questions.length === 0) return 'Nothing has been measured yet.'
  const ofEngines = { questions: Object.fromEntries(questions) }
  return [...capacity(ofEngines), ...measuredGrowth(ofEngines)].join('\n\n')
}

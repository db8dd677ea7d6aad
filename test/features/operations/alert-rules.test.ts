import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { findProgram } from '../../../scripts/test-services/processes.mjs'
import { FIGURES, MIN_EVENTS } from '../../../src/features/operations/figures.ts'
import { projectRoot } from '../../../src/paths.ts'
import { appFor, scrape } from './steps.ts'

const FILE = join(projectRoot, 'ops/prometheus/operations.rules.yml')

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly wait: string
  readonly severity: string
  readonly summary: string
  readonly description: string
}

/** Parses the format of the file; anything else is an error. */
function parse(text: string): Rule[] {
  const [head = '', ...blocks] = text.split(/^ {6}- alert: /m)
  if (!/^groups:\n {2}- name: holdfast\n {4}rules:\n$/m.test(head)) throw new Error(`This is no head:\n${head}`)
  return blocks.map((block) => {
    const match =
      /^(\w+)\n {8}expr: (?:\|\n((?: {10}.+\n)+)|(.+)\n) {8}for: (\d+m)\n {8}labels:\n {10}severity: (\w+)\n {8}annotations:\n {10}summary: "(.+)"\n {10}description: (.+)\n*$/.exec(
        block,
      )
    if (match === null) throw new Error(`This is no rule:\n${block}`)
    const [, alert = '', lines, line = '', wait = '', severity = '', summary = '', description = ''] = match
    return { alert, expr: (lines ?? line).replace(/\s+/g, ' ').trim(), wait, severity, summary, description }
  })
}

/** The alert of each figure of the dashboard. */
const WATCHED: Readonly<Record<string, string>> = {
  response: 'HoldfastResponseSlow',
  conflicts: 'HoldfastConflictsMany',
  ended: 'HoldfastEndedElsewhereMany',
  hits: 'HoldfastCacheHitRatioLow',
  writes: 'HoldfastCacheWritesFailing',
  fallbacks: 'HoldfastFallbackHigh',
}

test('every rule is complete, and uses series that the application has', async (t) => {
  const rules = parse(await readFile(FILE, 'utf8'))
  t.is(rules.length, 11)
  t.is(new Set(rules.map(({ alert }) => alert)).size, rules.length)
  const { series } = await scrape(await appFor(t))
  const names = new Set(series.map(({ name }) => name))
  const values = new Set(
    series.flatMap(({ labels }) => Object.entries(labels).map(([label, value]) => `${label}=${value}`)),
  )
  for (const { alert, expr, severity, summary, description } of rules) {
    t.regex(severity, /^(warning|critical)$/, alert)
    t.true(summary.length > 20 && description.endsWith('.'), alert)
    t.is(expr.split('(').length, expr.split(')').length, `${alert}: brackets`)
    const asked = [...expr.matchAll(/holdfast_\w+/g)].map(([name]) => name)
    t.true(asked.length > 0, alert)
    for (const name of asked) t.true(names.has(name), `${alert} asks for ${name}`)
    for (const [, label = '', among = ''] of expr.matchAll(/(\w+)=~?"([^"]+)"/g)) {
      for (const value of among.split('|'))
        t.true(values.has(`${label}=${value}`), `${alert} asks for ${label}=${value}`)
    }
  }
})

test('the thresholds and the minimum number of events are those of the dashboard', async (t) => {
  const rules = new Map(parse(await readFile(FILE, 'utf8')).map((rule) => [rule.alert, rule]))
  t.deepEqual(
    Object.keys(WATCHED),
    FIGURES.map(({ id }) => id),
  )
  for (const { id, unit, bad, alert, target } of FIGURES) {
    const rule = rules.get(WATCHED[id] ?? '')
    const [, sign = '', level = ''] = / ([<>]) ([\d.]+)(?: and|$)/.exec(rule?.expr ?? '') ?? []
    t.is(sign, bad === 'above' ? '>' : '<', id)
    t.is(Number(level), unit === 'milliseconds' ? alert / 1000 : alert, id)
    t.regex(rule?.expr ?? '', new RegExp(`>= ${MIN_EVENTS}$`), id)
    const said = unit === 'milliseconds' ? `target ${target}ms` : `${Math.round(target * 100)}%`
    t.true(rule?.summary.includes(said), `${id}: ${rule?.summary}`)
  }
  // The agreed targets and alert levels.
  const agreed = Object.fromEntries(FIGURES.map(({ id, target, alert }) => [id, [target, alert]]))
  t.like(agreed, { hits: [0.8, 0.7], writes: [0.95, 0.9], fallbacks: [0.2, 0.3], response: [100, 200] })
})

const promtool = findProgram(['promtool'])
if (promtool !== undefined) {
  test('promtool accepts the rules', async (t) => {
    const { stdout } = await promisify(execFile)(promtool, ['check', 'rules', FILE])
    t.regex(stdout, /SUCCESS: 11 rules found/)
  })
}

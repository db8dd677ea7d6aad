import type { ExecutionContext } from 'ava'
import { startApp, type TestApp } from '../../support/app.ts'

export const OPERATIONS = '/operations'

/** One scrape of /metrics, as Prometheus would read it. */
export interface Scrape {
  readonly text: string
  /** The text without what is measured of the process, which changes by itself. */
  readonly counted: string
  /** The value of a series, or undefined where there is none with exactly these labels. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
  /** Every series as name and labels. */
  readonly series: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[]
}

/** The application, closed when the test ends. */
export async function appFor(t: ExecutionContext, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await startApp(env)
  t.teardown(() => app.close())
  return app
}

/** Asks for the metrics as a program on this machine does. */
export async function scrape({ origin }: Pick<TestApp, 'origin'>): Promise<Scrape> {
  const answer = await fetch(`${origin}/metrics`)
  if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}`)
  return readScrape(await answer.text())
}

/** @throws Error on a line that is not in the text format of Prometheus */
export function readScrape(text: string): Scrape {
  const found = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# HELP ') && !line.startsWith('# TYPE '))
    .map(readLine)
  return {
    text,
    counted: text.replace(/^holdfast_(process|event_loop)_.*\n/gm, ''),
    series: found,
    value: (name, labels = {}) => found.find((one) => one.name === name && same(one.labels, labels))?.value,
  }
}

function readLine(line: string) {
  const [, name, inner = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (name === undefined || Number.isNaN(Number(value))) throw new Error(`This is no series: ${line}`)
  const labels = Object.fromEntries(
    [...inner.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text]),
  )
  return { name, labels, value: Number(value) }
}

function same(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}

import { readFileSync } from 'node:fs'

export type VectorRecord = Readonly<Record<string, unknown>>

const sections: Readonly<Record<string, unknown>> = JSON.parse(
  readFileSync(new URL('../data/django-vectors.json', import.meta.url), 'utf8'),
)

/** One section of what a real Django gave; a missing or empty one is an error, or its test would assert nothing. */
export function vectors<T = VectorRecord>(section: string): T[] {
  const records = sections[section]
  if (!Array.isArray(records) || records.length === 0) throw new Error(`There are no vectors "${section}"`)
  return records
}

/** The secret with which Django made them. */
export const VECTOR_SECRET = 'test-secret-key-for-vectors-0123456789abcdef'

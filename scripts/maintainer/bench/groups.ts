import type { Candidate } from './candidates.ts'

/** What {@link groupsOf} needs of a candidate. */
export type Related = Pick<Candidate, 'floor' | 'beside'>

/**
 * Splits candidates into those that are compared with each other, in their order. Only these run at the same time: a
 * server that is idle for minutes, while all others are measured, is slower for longer than it can be warmed up.
 *
 * @param candidates by their names; one that is named but missing is ignored
 */
export function groupsOf(candidates: Readonly<Record<string, Related>>): string[][] {
  const groups: Set<string>[] = []
  for (const [name, { floor, beside }] of Object.entries(candidates)) {
    const related = [name, floor, beside].filter((one) => one !== undefined)
    const joined = new Set(related)
    for (const group of groups.filter((one) => related.some((other) => one.has(other)))) {
      groups.splice(groups.indexOf(group), 1)
      for (const member of group) joined.add(member)
    }
    groups.push(joined)
  }
  const names = Object.keys(candidates)
  const ordered = groups.map((group) => names.filter((name) => group.has(name)))
  return ordered.sort((one, other) => names.indexOf(one[0] ?? '') - names.indexOf(other[0] ?? ''))
}

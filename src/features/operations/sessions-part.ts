import type { Format } from './formats.ts'
import type { SessionCount } from './session-counter.ts'

/** The counts of sessions as text; a table without metadata has neither users nor ages. */
export function sessionsPart(
  counted: SessionCount,
  format: Format,
  keepsMetadata: boolean,
  nameOf: (userId: string) => string,
) {
  if (counted.state !== 'known') return { state: counted.state }
  const { at, statistics } = counted
  const { live, expired, ages, largest } = statistics
  const bars = keepsMetadata
    ? ([
        ['Expired', expired],
        ['Under 1 day old', ages.underDay],
        ['Under 1 week old', ages.underWeek],
        ['Over 1 week old', ages.overWeek],
      ] as const)
    : ([
        ['Expired', expired],
        ['Live', live],
      ] as const)
  const max = Math.max(1, ...bars.map(([, count]) => count))
  return {
    state: counted.state,
    at,
    ages: bars.map(([label, count]) => ({
      label,
      count: format.count(count),
      width: Math.round((count / max) * 200),
    })),
    largest: largest.map(({ bytes, userId, createdAt, lastActivity }) => ({
      bytes: format.bytes(bytes),
      user: userId === null ? null : nameOf(userId),
      createdAt: createdAt || null,
      lastActivity: lastActivity || null,
    })),
  }
}

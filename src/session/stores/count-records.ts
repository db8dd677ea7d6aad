import { isForward, type StoredRecord, type StoreStatistics } from './store.ts'

const DAY_MS = 86_400_000
const MAX_LARGEST = 10

/** Counts records one by one, with only the largest in memory. Figures that need metadata are 0 without it. */
export async function countRecords(
  records: AsyncIterable<{ readonly record: StoredRecord }>,
  now: number,
  keepsMetadata: boolean,
  prefix?: string,
): Promise<StoreStatistics> {
  const ages = { underDay: 0, underWeek: 0, overWeek: 0 }
  const largest: StoreStatistics['largest'] = []
  let [total, live, authenticated, beginning] = [0, 0, 0, 0]
  for await (const { record } of records) {
    if (isForward(record)) continue
    total++
    if (record.expires <= now) continue
    live++
    const { userId, createdAt, lastActivity, data } = record
    if (userId !== null) authenticated++
    if (prefix !== undefined && data.startsWith(prefix)) beginning++
    if (keepsMetadata) ages[ageGroup(now - createdAt)]++
    const bytes = Buffer.byteLength(data)
    if (largest.length === MAX_LARGEST && bytes <= (largest.at(-1)?.bytes ?? 0)) continue
    largest.push({ bytes, userId, createdAt, lastActivity })
    largest.sort((one, other) => other.bytes - one.bytes).splice(MAX_LARGEST)
  }
  const counted = { total, live, expired: total - live, authenticated, ages, largest }
  return prefix === undefined ? counted : { ...counted, beginning }
}

function ageGroup(age: number): keyof StoreStatistics['ages'] {
  if (age < DAY_MS) return 'underDay'
  return age < 7 * DAY_MS ? 'underWeek' : 'overWeek'
}

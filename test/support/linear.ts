/** What reads a text from outside, the text that it reads fastest, and those that could take it long. */
export type Parser = readonly [name: string, feed: (text: string) => unknown, best: string, worst: readonly string[]]

/** Characters of a text. */
export const SIZE = 100_000
const RUNS = 5
const RATIO = 20
// Milliseconds of processor time, for what is too short to compare.
const FLOOR = 100

/** This part again and again. */
export const filled = (part: string, size = SIZE) => part.repeat(Math.floor(size / part.length))
export const within = (before: string, part: string, after: string) => before + filled(part) + after

async function timeOf(feed: () => unknown): Promise<number> {
  const start = process.cpuUsage()
  await feed()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

async function median(feed: () => unknown): Promise<number> {
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) times.push(await timeOf(feed))
  return times.sort((one, other) => one - other)[Math.floor(RUNS / 2)] ?? 0
}

/** The worst texts that take far longer than the best one; none where reading is linear. */
export async function linear(
  feed: (text: string) => unknown,
  best: string,
  worst: readonly string[],
): Promise<string[]> {
  await feed(best)
  const usual = await median(() => feed(best))
  const max = usual * RATIO + FLOOR
  const slow: string[] = []
  for (const text of worst) {
    if ((await timeOf(() => feed(text))) <= max) continue
    // Something else may have interrupted the only run.
    const time = await median(() => feed(text))
    if (time > max) slow.push(`${JSON.stringify(text.slice(0, 40))}: ${Math.round(time)} ms, not ${Math.round(usual)}`)
  }
  return slow
}

export const SEPARATED = [filled(':'), filled('.'), filled(':a'), filled('.:'), within('.', 'A', ':a:a'), filled(' ')]
export const ENCODED = [filled('='), filled('-'), filled(' '), filled('A='), within('', 'A', '!'), filled('é')]

/** The middle one; between two their mean. Null without values. */
export function median(values: readonly (number | null)[]): number | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

/** The least and the greatest one; null without values. */
export function rangeOf(values: readonly (number | null)[]): readonly [number, number] | null {
  const numbers = values.filter((value) => value !== null)
  return numbers.length === 0 ? null : [Math.min(...numbers), Math.max(...numbers)]
}

/** A part of a whole; null where there is no whole. */
export function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

/** Columns for a terminal: the first and the last to the left, figures to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 || column === row.length - 1 ? cell.padEnd(width(column)) : cell.padStart(width(column)),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

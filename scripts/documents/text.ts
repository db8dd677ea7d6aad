const MAX_LINE_LENGTH = 120

/** Wraps a text at 120 characters, with a prefix before each line. */
export function wrapped(text: string, prefix = ''): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= MAX_LINE_LENGTH)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(prefix + word)
  }
  return lines.join('\n')
}

/** A Markdown table; the first column is left-aligned. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[], align = '---'): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const [, ...others] = titles
  return [line(titles), `|---|${others.map(() => `${align}|`).join('')}`, ...rows.map(line)].join('\n')
}

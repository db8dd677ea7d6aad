const WIDTH = 120

/** Breaks a text into lines as the other documents have them, each with what stands before it. */
export function wrapped(text: string, before = ''): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(before + word)
  }
  return lines.join('\n')
}

/** A table in Markdown: titles, and rows that begin with the name of what they are about. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[], align = '---'): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const [, ...others] = titles
  return [line(titles), `|---|${others.map(() => `${align}|`).join('')}`, ...rows.map(line)].join('\n')
}

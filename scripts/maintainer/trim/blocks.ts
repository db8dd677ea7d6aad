const FENCE = /^\s*```/
const HEADING = /^(#+) /
const ROW = /^\s*\|/
const ITEM = /^\s*(?:[-*]|\d+\.) /
const CHAPTER = /^<!-- only with (.+) -->\n([\s\S]*?)^<!-- end -->\n/gm
const LINES = /^ *# only with (.+)\n([\s\S]*?)^ *# end\n/gm

/**
 * A document without what is about other parts: what stands between "only with these parts" and "end" where none of them
 * is there, and then each paragraph, list item, row and block of code that names what is gone, and headings with nothing
 * under them. Never single sentences: those around them would no longer make sense.
 *
 * @param isGone whether there is no such part any more
 * @param names whether some words name something that is gone
 */
export function withoutMentions(
  text: string,
  isGone: (part: string) => boolean,
  names: (words: string) => boolean,
): string {
  const chapters = text.replaceAll(CHAPTER, (all: string, parts: string) =>
    parts.split(', ').every(isGone) ? '' : all,
  )
  const blocks = blocksOf(chapters).map((block) => cut(block, names))
  return `${withoutEmptySections(blocks.filter((block) => block !== '')).join('\n\n')}\n`
}

/** A file whose comments begin with "#", without the lines that are only with other parts. */
export function withoutLinesOf(text: string, isGone: (part: string) => boolean): string {
  return text.replaceAll(LINES, (all: string, parts: string) => (parts.split(', ').every(isGone) ? '' : all))
}

/** Paragraphs, lists, tables, headings; a block of code is one, whatever is in it. */
function blocksOf(text: string): string[] {
  const blocks: string[][] = [[]]
  let isCode = false
  for (const line of text.split('\n')) {
    if (FENCE.test(line)) isCode = !isCode
    if (line === '' && !isCode) blocks.push([])
    else blocks.at(-1)?.push(line)
  }
  return blocks.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'))
}

function cut(block: string, names: (words: string) => boolean): string {
  if (!names(block)) return block
  const lines = block.split('\n')
  const [first = '', second = '', ...rows] = lines
  if (FENCE.test(first)) {
    const left = lines.filter((line) => !names(line))
    // Commands of a shell stand for themselves; of a program no line may be missing.
    return first.endsWith('```sh') && left.length > 2 ? left.join('\n') : ''
  }
  if (ROW.test(first)) {
    const left = names(first) ? [] : rows.filter((row) => !names(row))
    return left.length > 0 ? [first, second, ...left].join('\n') : ''
  }
  return itemsOf(lines)
    .filter((item) => !names(item))
    .join('\n')
}

/** A paragraph, or the items of a list, each with its lines. */
function itemsOf(lines: readonly string[]): string[] {
  const items: string[][] = []
  for (const line of lines) {
    if (ITEM.test(line) || items.length === 0) items.push([line])
    else items.at(-1)?.push(line)
  }
  return items.map((item) => item.join('\n'))
}

/** From the end, because a section may be empty once those in it are. */
function withoutEmptySections(blocks: readonly string[]): string[] {
  const left: string[] = []
  for (const block of [...blocks].reverse()) {
    const level = HEADING.exec(block)?.[1]?.length
    const next = HEADING.exec(left[0] ?? '')?.[1]?.length
    const isEmpty = level !== undefined && level > 1 && (left.length === 0 || (next !== undefined && next <= level))
    if (!isEmpty) left.unshift(block)
  }
  return left
}

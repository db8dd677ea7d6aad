/** One reply of a memcached. */
export interface Reply {
  readonly code: (typeof CODES)[number]
  /** The flags after the code; of an error its message, of END the lines of figures that it ends. */
  readonly words: readonly string[]
  /** What stands under the key; only with VA. */
  readonly value?: Buffer
}

const CODES = ['HD', 'VA', 'EN', 'NS', 'EX', 'NF', 'MN', 'END', 'ERROR', 'CLIENT_ERROR', 'SERVER_ERROR'] as const
const LONGEST_LINE = 4096
const LARGEST_VALUE = 64 * 1024 * 1024
const BREAK = '\r\n'

/** Replies of the meta protocol out of a stream, in whatever pieces it comes. */
export class ReplyParser {
  #chunks: Buffer[] = []
  #length = 0
  // No use in looking before: a large value must not be joined anew with every piece.
  #needed = 1
  #figures: string[] = []

  /**
   * The replies that this piece completes.
   *
   * @throws Error when the bytes are no such reply; nothing after them can be understood
   */
  push(chunk: Buffer): Reply[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return []
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    const replies: Reply[] = []
    let at = 0
    for (;;) {
      const lineEnd = bytes.indexOf(BREAK, at)
      if ((lineEnd === -1 ? bytes.length : lineEnd) - at > LONGEST_LINE) throw new Error('a line without an end')
      if (lineEnd === -1) break
      const line = bytes.toString('latin1', at, lineEnd)
      const size = valueSize(line)
      const valueStart = lineEnd + BREAK.length
      const end = size === undefined ? valueStart : valueStart + size + BREAK.length
      if (end > bytes.length) {
        this.#needed = end - at
        break
      }
      const value = size === undefined ? undefined : bytes.subarray(valueStart, valueStart + size)
      if (value !== undefined && bytes.toString('latin1', end - 2, end) !== BREAK) throw new Error('a value too long')
      const reply = this.#reply(line, value)
      if (reply !== undefined) replies.push(reply)
      this.#needed = 1
      at = end
    }
    this.#chunks = at < bytes.length ? [bytes.subarray(at)] : []
    this.#length = bytes.length - at
    return replies
  }

  #reply(line: string, value: Buffer | undefined): Reply | undefined {
    const [first = '', ...words] = line.split(' ')
    if (first === 'STAT') {
      this.#figures.push(words.join(' '))
      return undefined
    }
    const code = CODES.find((each) => each === first)
    if (code === undefined) throw new Error(`an unknown reply ${JSON.stringify(line.slice(0, 40))}`)
    if (value !== undefined) return { code, words: words.slice(1), value }
    if (code !== 'END') return { code, words }
    const figures = this.#figures
    this.#figures = []
    return { code, words: figures }
  }
}

function valueSize(line: string): number | undefined {
  if (!line.startsWith('VA')) return undefined
  const size = Number(/^VA (\d{1,10})(?: |$)/.exec(line)?.[1])
  if (!(size <= LARGEST_VALUE)) throw new Error('a value without a size')
  return size
}

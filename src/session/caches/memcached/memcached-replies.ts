/** A reply of a Memcached server. */
export interface Reply {
  readonly code: (typeof CODES)[number]
  /** The flags after the code; the message of an error; the STAT lines before END. */
  readonly words: readonly string[]
  /** The value; only with VA. */
  readonly value?: Buffer
}

const CODES = ['HD', 'VA', 'EN', 'NS', 'EX', 'NF', 'MN', 'END', 'ERROR', 'CLIENT_ERROR', 'SERVER_ERROR'] as const
const MAX_LINE_LENGTH = 4096
const MAX_VALUE_BYTES = 64 * 1024 * 1024
const CRLF = '\r\n'

/** Parses replies of the meta protocol from the chunks of a stream. */
export class ReplyParser {
  #chunks: Buffer[] = []
  #length = 0
  // Not parsed before so many bytes are there: a large value must not be concatenated with every chunk.
  #needed = 1
  #statLines: string[] = []

  /**
   * Adds a chunk and returns the replies that it completes.
   *
   * @throws Error for an invalid reply; nothing after it can be parsed
   */
  push(chunk: Buffer): Reply[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return []
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    const replies: Reply[] = []
    let at = 0
    for (;;) {
      const lineEnd = bytes.indexOf(CRLF, at)
      if ((lineEnd === -1 ? bytes.length : lineEnd) - at > MAX_LINE_LENGTH) throw new Error('the line is too long')
      if (lineEnd === -1) break
      const line = bytes.toString('latin1', at, lineEnd)
      const size = valueSize(line)
      const valueStart = lineEnd + CRLF.length
      const end = size === undefined ? valueStart : valueStart + size + CRLF.length
      if (end > bytes.length) {
        this.#needed = end - at
        break
      }
      const value = size === undefined ? undefined : bytes.subarray(valueStart, valueStart + size)
      if (value !== undefined && bytes.toString('latin1', end - 2, end) !== CRLF)
        throw new Error('the value does not end where its size says')
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
      this.#statLines.push(words.join(' '))
      return undefined
    }
    const code = CODES.find((each) => each === first)
    if (code === undefined) throw new Error(`an unknown reply ${JSON.stringify(line.slice(0, 40))}`)
    if (value !== undefined) return { code, words: words.slice(1), value }
    if (code !== 'END') return { code, words }
    const statLines = this.#statLines
    this.#statLines = []
    return { code, words: statLines }
  }
}

function valueSize(line: string): number | undefined {
  if (!line.startsWith('VA')) return undefined
  const size = Number(/^VA (\d{1,10})(?: |$)/.exec(line)?.[1])
  if (!(size <= MAX_VALUE_BYTES)) throw new Error('the value has no valid size')
  return size
}

import MarkdownIt from 'markdown-it'

/** A document as HTML. */
export interface Rendered {
  /** Without its first heading, which the view shows. */
  readonly html: string
  /** The id of the marked heading; undefined if there is no such heading. */
  readonly markedId: string | undefined
  /** Its headings of the second level. */
  readonly sections: readonly Section[]
}

interface Section {
  readonly id: string
  readonly title: string
}

/** Options for {@link renderMarkdown}. */
export interface RenderOptions {
  /** The heading that gets a badge; none by default. */
  readonly marked?: { readonly heading: string; readonly badge: string }
  /** The address of a link to another file; without it, or where it is undefined, the link becomes plain text. */
  readonly addressOf?: ((link: string) => string | undefined) | undefined
}

/** Renders a document of this project. HTML in it is escaped, and its comments are left out. */
export function renderMarkdown(text: string, { marked, addressOf }: RenderOptions = {}): Rendered {
  const markdown = new MarkdownIt({ html: false })
  const { escapeHtml } = markdown.utils
  const { rules } = markdown.renderer
  const environment = { heading: '', markedId: undefined as string | undefined, isLink: true }
  const ids = new Map<string, number>()
  const sections: Section[] = []

  rules.heading_open = (tokens, index) => {
    const title = tokens[index + 1]?.content ?? ''
    environment.heading = uniqueId(title, ids)
    if (title === marked?.heading) environment.markedId = environment.heading
    if (tokens[index]?.tag === 'h2') sections.push({ id: environment.heading, title: plain(title) })
    return `<${tokens[index]?.tag} id="${environment.heading}">`
  }
  rules.heading_close = (tokens, index) => {
    const isMarked = marked !== undefined && tokens[index - 1]?.content === marked.heading
    const badge = isMarked ? ` <span class="badge">${escapeHtml(marked.badge)}</span>` : ''
    return `${badge}</${tokens[index]?.tag}>\n`
  }
  rules.link_open = (tokens, index, options, _environment, self) => {
    const token = tokens[index]
    const link = String(token?.attrGet('href') ?? '')
    const address = /^(#|https:\/\/)/.test(link) ? link : addressOf?.(link)
    environment.isLink = address !== undefined
    if (address === undefined) return ''
    token?.attrSet('href', address)
    return self.renderToken(tokens, index, options)
  }
  rules.link_close = () => (environment.isLink ? '</a>' : '')
  // Focusable, so that wide tables can be scrolled with the keyboard.
  rules.table_open = (tokens, index) => {
    const head = tokens.slice(
      index,
      tokens.findIndex(({ type }, at) => at > index && type === 'thead_close'),
    )
    // On a phone there is room for the second column below the first, but for no more.
    const pairs = head.filter(({ type }) => type === 'th_open').length === 2 ? ' class="pairs"' : ''
    return `<div class="table-wrap" role="group" tabindex="0" aria-labelledby="${environment.heading}">\n<table${pairs}>\n`
  }
  rules.table_close = () => '</table>\n</div>\n'
  const cell = (name: 'th' | 'td') => {
    // A header cell without text heads nothing.
    const tagOf = (text: string | undefined) => (name === 'th' && text !== '' ? 'th' : 'td')
    rules[`${name}_open`] = (tokens, index) => {
      const tag = tagOf(tokens[index + 1]?.content)
      // The Content-Security-Policy forbids style attributes.
      const isNumber = tokens[index]?.attrGet('style') === 'text-align:right'
      return `<${tag}${tag === 'th' ? ' scope="col"' : ''}${isNumber ? ' class="number"' : ''}>`
    }
    rules[`${name}_close`] = (tokens, index) => `</${tagOf(tokens[index - 1]?.content)}>\n`
  }
  cell('th')
  cell('td')
  rules.fence = (tokens, index) => `<pre tabindex="0"><code>${escapeHtml(tokens[index]?.content ?? '')}</code></pre>\n`

  const html = markdown.render(withoutComments(text).replace(/^# .*\n/, ''))
  return { html, markedId: environment.markedId, sections }
}

const MAX_SECTIONS = 5

/** The title of a document and its first sentence, or else its first sections, as plain text. */
export function outlineOf(text: string): { title: string; summary: string } {
  const [heading = '', ...blocks] = withoutComments(text).split(/\n{2,}/)
  const [first = ''] = blocks
  const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, section = '']) => section)
  const more = sections.length > MAX_SECTIONS ? ' …' : ''
  const summary = /^[#|]/.test(first)
    ? `${sections.slice(0, MAX_SECTIONS).join(' · ')}${more}`
    : (/^.*?\.(?=\s|$)/s.exec(first)?.[0] ?? first)
  return { title: heading.replace(/^# /, '').trim(), summary: plain(summary) }
}

function plain(markdown: string): string {
  return markdown
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[`*]/g, '')
    .replaceAll(/\s+/g, ' ')
}

function withoutComments(text: string): string {
  return text.replaceAll(/^<!--.*?-->\n/gms, '')
}

/** As on GitHub, so that links to sections work in both places. */
function uniqueId(title: string, ids: Map<string, number>): string {
  const id = title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')
  const count = ids.get(id) ?? 0
  ids.set(id, count + 1)
  return count === 0 ? id : `${id}-${count}`
}

import MarkdownIt from 'markdown-it'

/** A document as HTML. */
export interface Rendered {
  /** Without its first heading, which the view shows. */
  readonly html: string
  /** The id of the marked heading; undefined if there is no such heading. */
  readonly markedId: string | undefined
}

/**
 * Renders a document of this project. HTML in it is escaped.
 *
 * @param marked the heading that gets a badge
 * @param badge the text of the badge
 */
export function renderMarkdown(text: string, marked: string, badge: string): Rendered {
  const markdown = new MarkdownIt({ html: false })
  const { escapeHtml } = markdown.utils
  const { rules } = markdown.renderer
  const environment = { heading: '', markedId: undefined as string | undefined }

  rules.heading_open = (tokens, index) => {
    const title = tokens[index + 1]?.content ?? ''
    environment.heading = idOf(title)
    if (title === marked) environment.markedId = environment.heading
    return `<${tokens[index]?.tag} id="${environment.heading}">`
  }
  rules.heading_close = (tokens, index) => {
    const isMarked = tokens[index - 1]?.content === marked
    return `${isMarked ? ` <span class="badge">${escapeHtml(badge)}</span>` : ''}</${tokens[index]?.tag}>\n`
  }
  // Focusable, so that wide tables can be scrolled with the keyboard.
  rules.table_open = () =>
    `<div class="table-wrap" role="group" tabindex="0" aria-labelledby="${environment.heading}">\n<table>\n`
  rules.table_close = () => '</table>\n</div>\n'
  // The Content-Security-Policy forbids style attributes.
  const cell = (name: 'th' | 'td') => {
    const openingTag = name === 'th' ? '<th scope="col"' : '<td'
    rules[`${name}_open`] = (tokens, index) =>
      `${openingTag}${tokens[index]?.attrGet('style') === 'text-align:right' ? ' class="number"' : ''}>`
  }
  cell('th')
  cell('td')
  rules.fence = (tokens, index) => `<pre tabindex="0"><code>${escapeHtml(tokens[index]?.content ?? '')}</code></pre>\n`

  const html = markdown.render(text.replace(/^# .*\n/, ''))
  return { html, markedId: environment.markedId }
}

function idOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '-')
    .replace(/^-|-$/g, '')
}

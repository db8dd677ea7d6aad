import MarkdownIt from 'markdown-it'

/** A document as a page shows it. */
export interface Rendered {
  /** Without its first heading, which is that of the page. */
  readonly html: string
  /** The id of the heading that is marked; undefined where there is no such heading. */
  readonly markedId: string | undefined
}

/**
 * Renders a document of this project. HTML in it is shown as text.
 *
 * @param marked the heading that gets a badge
 * @param badge what stands in it
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
  // Whoever uses the keyboard scrolls what is wider than the page.
  rules.table_open = () =>
    `<div class="table-wrap" role="group" tabindex="0" aria-labelledby="${environment.heading}">\n<table>\n`
  rules.table_close = () => '</table>\n</div>\n'
  // A style attribute is what the page's Content-Security-Policy forbids.
  const cell = (name: 'th' | 'td') => {
    const opened = name === 'th' ? '<th scope="col"' : '<td'
    rules[`${name}_open`] = (tokens, index) =>
      `${opened}${tokens[index]?.attrGet('style') === 'text-align:right' ? ' class="number"' : ''}>`
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

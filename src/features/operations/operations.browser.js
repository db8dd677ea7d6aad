// Refreshes the figures without reloading the page, so that focus, scrolling and open details are kept.
const REFRESH_INTERVAL_MS = 10_000

const pause = document.getElementById('pause')
let paused = false
if (pause !== null) {
  pause.hidden = false
  pause.addEventListener('click', () => {
    paused = !paused
    pause.setAttribute('aria-pressed', String(paused))
  })
}

setInterval(() => {
  if (!paused && !document.hidden) refresh().catch(() => {})
}, REFRESH_INTERVAL_MS)

async function refresh() {
  const response = await fetch('/operations?refresh', { headers: { Accept: 'text/html' } })
  // Signed out, or no longer staff: reloading shows that.
  if (response.redirected || response.status === 403) return location.reload()
  if (!response.ok) return
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html')
  for (const id of ['overall', 'period', 'figures']) replace(document.getElementById(id), fresh.getElementById(id))
}

function replace(old, fresh) {
  // Screen readers would announce a replaced status again.
  if (old === null || fresh === null || old.isEqualNode(fresh)) return
  const opened = [...old.querySelectorAll('details[open]')].map(({ id }) => id)
  const focused = old.contains(document.activeElement) ? document.activeElement.id : ''
  const scrolled = old.querySelector('.wide')?.scrollLeft ?? 0
  if (old.id === 'figures') old.replaceWith(fresh)
  else {
    old.className = fresh.className
    old.replaceChildren(...fresh.childNodes)
  }
  for (const id of opened) document.getElementById(id)?.setAttribute('open', '')
  if (focused !== '') document.getElementById(focused)?.focus({ preventScroll: true })
  const wide = fresh.querySelector('.wide')
  if (wide !== null) wide.scrollLeft = scrolled
}

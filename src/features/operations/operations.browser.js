// Renews the figures without loading the page anew: focus, scrolling and what is unfolded stay as they are.
const EVERY = 10_000

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
  if (!paused && !document.hidden) renew().catch(() => {})
}, EVERY)

async function renew() {
  const answer = await fetch('/operations?refresh', { headers: { Accept: 'text/html' } })
  // Signed out, or no longer of the staff: the page itself should say so.
  if (answer.redirected || answer.status === 403) return location.reload()
  if (!answer.ok) return
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
  for (const id of ['overall', 'period', 'figures']) replace(document.getElementById(id), fresh.getElementById(id))
}

function replace(old, fresh) {
  // A status that is put there again would be read out again.
  if (old === null || fresh === null || old.isEqualNode(fresh)) return
  const unfolded = [...old.querySelectorAll('details[open]')].map(({ id }) => id)
  const focused = old.contains(document.activeElement) ? document.activeElement.id : ''
  const scrolled = old.querySelector('.wide')?.scrollLeft ?? 0
  if (old.id === 'figures') old.replaceWith(fresh)
  else {
    old.className = fresh.className
    old.replaceChildren(...fresh.childNodes)
  }
  for (const id of unfolded) document.getElementById(id)?.setAttribute('open', '')
  if (focused !== '') document.getElementById(focused)?.focus({ preventScroll: true })
  const wide = fresh.querySelector('.wide')
  if (wide !== null) wide.scrollLeft = scrolled
}

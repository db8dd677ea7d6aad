const button = document.getElementById('copy')
const status = document.getElementById('copied')

button.addEventListener('click', async () => {
  const { done, failed } = button.dataset
  status.textContent = ''
  try {
    const response = await fetch('/session', { headers: { Accept: 'application/json' } })
    if (!response.ok) throw new Error(response.statusText)
    await navigator.clipboard.writeText(JSON.stringify(await response.json(), undefined, 2))
    status.textContent = done
  } catch {
    status.textContent = failed
  }
})

// Sends the requests of one button, and counts what is left. Every side gets the same, one side after the other, because
// they would share the browser's connections.
const ADDITIONS = 100
const SLOW_ADDITIONS = 4
// The slow requests have read the session by then, and none has saved.
const MEANWHILE_MS = 150

const board = document.getElementById('experiments')
const texts = board.dataset
const sides = texts.sides.split(' ')
let running = false

for (const section of board.querySelectorAll('[data-experiment]')) {
  for (const button of section.querySelectorAll('button')) {
    button.addEventListener('click', () => run(section, button))
  }
}

async function run(section, button) {
  if (running) return
  running = true
  const buttons = board.querySelectorAll('button')
  // Not the attribute "disabled", which would take the focus away.
  for (const one of buttons) one.setAttribute('aria-disabled', 'true')
  section.dataset.run = ''
  for (const side of sides) show(section, side, undefined)
  try {
    for (const side of sides) {
      say(section, side, texts.running)
      show(section, side, await experiments[section.dataset.experiment](side, section, Number(button.dataset.width)))
    }
  } catch (error) {
    for (const side of sides) say(section, side, '')
    say(section, sides[0], error.tooMany ? texts.toomany : texts.failed, 'bad')
  }
  await end()
  for (const one of buttons) one.removeAttribute('aria-disabled')
  running = false
}

// Until then the site counts their sessions among its own.
addEventListener('pagehide', () => running && end())

async function end() {
  await Promise.all(sides.map((side) => send(side, 'end')))
}

/** Each returns what happened on one side. */
const experiments = {
  async additions(side, section, width) {
    await must(side, 'begin', { begin: true })
    const squares = section.querySelectorAll(`[data-squares="${side}"] i`)
    const answers = []
    let next = 0
    const worker = async () => {
      while (next < ADDITIONS) {
        const item = next++
        answers[item] = await send(side, 'add', { item })
        squares[item].className = answers[item] ? 'acknowledged' : 'refused'
      }
    }
    await Promise.all(Array.from({ length: width }, worker))
    const { items } = await stateOf(side)
    const kept = (item) => answers[item] && items.includes(item)
    for (const [item, square] of squares.entries()) {
      square.className = kept(item) ? 'kept' : answers[item] ? 'lost' : 'refused'
    }
    return counted(answers, answers.filter((_answer, item) => kept(item)).length)
  },

  async signOut(side) {
    await must(side, 'begin', { begin: true })
    await must(side, 'sign-in')
    const saving = send(side, 'add', { item: 0, slowly: true })
    await pause(MEANWHILE_MS)
    const signedOut = await send(side, 'sign-out')
    const saved = await saving
    const { items, signedIn } = await stateOf(side)
    const stayedOut = signedOut && !signedIn
    const kept = Number(stayedOut) + Number(saved && items.includes(0))
    return { ...counted([saved, signedOut], kept), reason: signedOut && signedIn ? texts.back : undefined }
  },

  async signIn(side) {
    await must(side, 'begin', { begin: true })
    const adding = Array.from({ length: SLOW_ADDITIONS }, (_, item) => send(side, 'add', { item, slowly: true }))
    await pause(MEANWHILE_MS)
    const signIns = await Promise.all([send(side, 'sign-in'), send(side, 'sign-in')])
    const additions = await Promise.all(adding)
    const { items, signedIn, sessions } = await stateOf(side)
    const acknowledged = signIns.filter(Boolean).length
    const kept = additions.filter((added, item) => added && items.includes(item)).length
    return {
      ...counted([...additions, ...signIns], kept + (signedIn ? acknowledged : 0)),
      sessions: sessions ?? '–',
      reason: acknowledged > 0 && !signedIn ? texts.out : undefined,
    }
  },
}

function counted(answers, kept) {
  const acknowledged = answers.filter(Boolean).length
  return { sent: answers.length, acknowledged, refused: answers.length - acknowledged, kept }
}

function show(section, side, result) {
  for (const cell of section.querySelectorAll('[data-cell]')) {
    const [of, name] = cell.dataset.cell.split(' ')
    if (of !== side) continue
    cell.textContent = result?.[name] ?? '–'
    cell.classList.toggle('changed', name === 'kept' && result !== undefined && result.kept < result.acknowledged)
  }
  if (result === undefined) {
    for (const square of section.querySelectorAll(`[data-squares="${side}"] i`)) square.className = ''
    return say(section, side, '')
  }
  const lost = result.acknowledged - result.kept
  if (lost === 0) say(section, side, texts.good, 'good')
  else say(section, side, result.reason ?? texts.lost.replace('{lost}', lost), 'bad')
}

function say(section, side, text, kind = '') {
  const verdict = section.querySelector(`[data-verdict="${side}"]`)
  const name = side === 'engine' ? document.querySelector('.brand span').textContent : side
  verdict.textContent = text === '' ? '' : `${name}: ${text}`
  verdict.className = kind
}

function request(side, action, body) {
  const headers = { Accept: 'application/json', 'Content-Type': 'application/json' }
  const options = { method: 'POST', headers, body: JSON.stringify(body), keepalive: action === 'end' }
  return fetch(`/guarantees/${side}/${action}`, options)
}

/** Whether it was acknowledged. */
async function send(side, action, body = {}) {
  const response = await request(side, action, body).catch(() => undefined)
  return response?.ok === true
}

/** What an experiment needs before it can begin. */
async function must(side, action, body = {}) {
  const response = await request(side, action, body)
  if (response.ok) return
  throw Object.assign(new Error(action), { tooMany: response.status === 429 })
}

async function stateOf(side) {
  const response = await request(side, 'state', {})
  if (!response.ok) throw new Error('state')
  return await response.json()
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

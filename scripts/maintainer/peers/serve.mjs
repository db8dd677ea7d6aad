import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// The benchmark's pages are compiled: their folder is an argument.
const { settings, programs } = JSON.parse(process.argv[2])
const compiled = (name) => import(pathToFileURL(join(programs, name)).href)
const [{ answerParent }, { PAGES }] = await Promise.all([compiled('child.js'), compiled('session-pages.js')])

const [framework, name] = settings.PEER.split('/')
const { [name]: open } = (await import(`./${framework}.mjs`)).peers
const listening = listen()
listening.catch(() => {})
answerParent(async () => ({ origin: await listening }))

async function listen() {
  const handle = await open({ ...settings, pages: Object.entries(PAGES) })
  const server = createServer((request, response) => {
    if (request.url !== '/usage') return handle(request, response)
    const { user, system } = process.cpuUsage()
    response.end(JSON.stringify({ cpu: user + system, errors: 0, lastError: null }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}`
}

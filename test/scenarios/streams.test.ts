import { request } from 'node:http'
import type { ExecutionContext } from 'ava'
import type { Context } from 'koa'
import { z } from 'zod'
import {
  type DetachedSession,
  defineSlice,
  openSession,
  type Session,
  signIn,
  signOut,
} from '../../src/session/index.ts'
import { LOCAL_KINDS } from '../storage/set-ups.ts'
import type { Deployment, Pages, Site } from './deployment.ts'
import { gate, scenariosOn } from './support.ts'

const scenario = scenariosOn(LOCAL_KINDS)

const kept = defineSlice({ name: 'kept', schema: z.string(), default: () => '', logout: 'keep' })

/** Sends the headers, as a stream or server-sent events do before the first event. */
function sendHeaders(ctx: Context): void {
  ctx.status = 200
  ctx.type = 'text/event-stream'
  ctx.res.flushHeaders()
}

async function outcome(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    return error instanceof Error && /headers were sent|would be lost/.test(error.message) ? 'refused' : String(error)
  }
}

const pagesOf = (deployment: Deployment, more: Pages = {}): Pages => ({
  '/begin': (session) => {
    deployment.fill(session)
    session.set('word', 'begun')
  },
  '/end': (session) => session.flush(),
  '/push': (session) => session.update('word', (word) => `${word}, another`),
  '/read': (session) => session.get('word') ?? null,
  ...more,
})

/** Whether a change of a session that is there needs a new cookie. */
const inCookie = (site: Site) => site.services.engine.cookieHoldsData === true

scenario(
  'once the headers are sent, changes that need a cookie are refused, and the session stays valid',
  async (t, deployment) => {
    const site = await deployment.site(
      t,
      pagesOf(deployment, {
        '/stream': async (session, ctx) => {
          sendHeaders(ctx)
          const set = await outcome(() => session.set('word', 'streamed'))
          return [set, await outcome(() => session.cycleKey()), await outcome(() => signIn(session, '7'))]
        },
        '/user': (session) => [session.userId],
      }),
    )
    const stranger = site.browser()
    t.deepEqual((await stranger.get('/stream')).json(), ['refused', 'refused', 'refused'])
    t.is(await stranger.cookie(), '')
    const browser = site.browser()
    await browser.get('/begin')
    const set = inCookie(site) ? 'refused' : 'done'
    t.deepEqual((await browser.get('/stream')).json(), [set, 'refused', 'refused'])
    t.is((await browser.get('/read')).json(), set === 'done' ? 'streamed' : 'begun')
    t.deepEqual((await browser.get('/user')).json(), [null], 'nothing of a refused sign-in is stored under the old key')
  },
)

scenario(
  'a save before the stream begins sets the cookie; changes during the stream are stored too',
  async (t, deployment) => {
    const streaming = gate()
    const site = await deployment.site(
      t,
      pagesOf(deployment, {
        '/stream': async (session, ctx) => {
          deployment.fill(session)
          session.set('word', 'saved')
          await session.save()
          sendHeaders(ctx)
          ctx.res.write(': an event\n\n')
          await streaming.pass()
          const later = await outcome(async () => {
            session.update('word', (word) => `${word}, later`)
            await session.save()
          })
          ctx.res.end(later)
          ctx.respond = false
        },
      }),
    )
    const browser = site.browser()
    const stream = browser.get('/stream')
    await Promise.race([streaming.arrived, stream])
    streaming.open()
    const later = (await stream).text.split('\n').at(-1)
    t.is(later, inCookie(site) ? 'refused' : 'done')
    t.is((await browser.get('/read')).json(), later === 'done' ? 'saved, later' : 'saved')
  },
)

scenario('a page that ends its session before it streams clears the cookie', async (t, deployment) => {
  const site = await deployment.site(
    t,
    pagesOf(deployment, {
      '/word': (session) => session.get('word') ?? 'none',
      '/begin-kept': (session) => session.set(kept, 'still here'),
      '/kept': (session) => session.get(kept),
      '/stream': async (session, ctx) => {
        if (ctx.query['rule'] === 'signOut') await signOut(session)
        else await session.flush()
        await session.save()
        sendHeaders(ctx)
        ctx.res.end('data: bye\n\n')
        ctx.respond = false
      },
    }),
  )
  const browser = site.browser()
  await browser.get('/begin')
  const stream = await browser.get('/stream')
  t.is(stream.text, 'data: bye\n\n')
  const sent = stream.headers.getSetCookie()
  t.is(sent.length, 1)
  t.regex(sent[0] ?? '', /^sessionid=; Max-Age=0/)
  t.is(await browser.cookie(), '')
  t.is((await browser.get('/word')).json(), 'none')

  await browser.get('/begin')
  await browser.get('/begin-kept')
  await browser.get('/stream?rule=signOut')
  t.is((await browser.get('/word')).json(), 'none')
  t.is((await browser.get('/kept')).json(), 'still here')
})

scenario(
  'a session that begins after another was ended, and is saved early, lives on with its changes',
  async (t, deployment) => {
    const pages = pagesOf(deployment, {
      '/another': async (session) => {
        await session.flush()
        deployment.fill(session)
        session.set('word', 'another')
        await session.save()
        session.update('word', (word) => `${word}, changed`)
      },
      '/end-at-last': async (session) => {
        await session.flush()
        session.set('word', 'another')
        await session.save()
        await session.flush()
      },
    })
    const browser = (await deployment.site(t, pages)).browser()
    await browser.get('/begin')
    t.is((await browser.get('/another')).status, 200)
    t.is((await browser.get('/read')).json(), 'another, changed')
    await browser.get('/end-at-last')
    t.is(await browser.cookie(), '')
    const stranger = (await deployment.site(t, pages)).browser()
    await stranger.get('/end-at-last')
    t.is(await stranger.cookie(), '')
  },
)

scenario('once the headers are sent, a session ends on the server, or the call throws', async (t, deployment) => {
  const site = await deployment.site(
    t,
    pagesOf(deployment, {
      '/word': (session) => session.get('word') ?? 'none',
      '/keep': (session) => session.set(kept, 'still here'),
      '/kept': (session) => session.get(kept),
      '/flush': async (session, ctx) => {
        sendHeaders(ctx)
        return [await outcome(() => session.flush())]
      },
      '/sign-out': async (session, ctx) => {
        sendHeaders(ctx)
        return [await outcome(() => signOut(session))]
      },
    }),
  )
  const browser = site.browser()
  await browser.get('/begin')
  await browser.get('/keep')
  // It would start a session for the kept slices, whose cookie could not be sent.
  t.deepEqual((await browser.get('/sign-out')).json(), ['refused'])
  t.is((await browser.get('/word')).json(), 'begun')
  t.is((await browser.get('/kept')).json(), 'still here')
  const ended = inCookie(site) ? 'refused' : 'done'
  t.deepEqual((await browser.get('/flush')).json(), [ended])
  t.is((await browser.get('/word')).json(), ended === 'done' ? 'none' : 'begun')
})

scenario('an early save keeps its cookie if the page fails later', async (t, deployment) => {
  const pages = pagesOf(deployment, {
    '/fails': async (session) => {
      session.set('word', 'saved')
      await session.save()
      session.set('word', 'later')
      throw new Error('broken')
    },
  })
  const browser = (await deployment.site(t, pages)).browser()
  t.is((await browser.get('/fails')).status, 500)
  t.is((await browser.get('/read')).json(), 'saved')
})

scenario(
  'work that goes on after the answer may read, and its changes are errors, not lost in silence',
  async (t, deployment) => {
    const background = gate()
    let working: Promise<string[]> | undefined
    const work = async (session: Session) => {
      await background.pass()
      return [
        String(session.get('word')),
        await outcome(() => session.set('word', 'lost')),
        await outcome(() => session.save()),
      ]
    }
    const pages = pagesOf(deployment, {
      '/work': (session) => {
        session.set('word', 'answered')
        working = work(session)
      },
    })
    const browser = (await deployment.site(t, pages)).browser()
    await browser.get('/begin')
    t.is((await browser.get('/work')).status, 200)
    background.open()
    t.deepEqual(await working, ['answered', 'refused', 'refused'])
    t.is((await browser.get('/read')).json(), 'answered')
  },
)

scenario('a change while an early save is under way is stored by the next save', async (t, deployment) => {
  const pages = pagesOf(deployment, {
    '/both': async (session) => {
      session.set('word', 'first')
      const saving = session.save()
      session.update('word', (word) => `${word}, second`)
      await saving
    },
  })
  const browser = (await deployment.site(t, pages)).browser()
  await browser.get('/begin')
  t.is((await browser.get('/both')).status, 200)
  t.is((await browser.get('/read')).json(), 'first, second')
})

scenario(
  'a socket changes and saves the session of its upgrade, and learns that it has ended',
  async (t, deployment) => {
    const site = await deployment.site(t, pagesOf(deployment))
    const browser = site.browser()
    await browser.get('/begin')
    const visitor = await upgrade(t, site, await browser.cookie())
    const append = (word: unknown) => `${word}, socket`
    if (inCookie(site)) {
      // No answer can take a cookie along.
      t.is(await outcome(() => visitor.session.update('word', append)), 'refused')
      t.is((await browser.get('/read')).json(), 'begun')
      return
    }
    await browser.get('/push')
    visitor.session.update('word', append)
    await visitor.session.save()
    t.is((await browser.get('/read')).json(), 'begun, another, socket')
    await browser.get('/push')
    t.is(await visitor.refresh(), 'live')
    t.is(visitor.session.get('word'), 'begun, another, socket, another')
    visitor.session.set('word', 'after the end')
    await browser.get('/end')
    await t.throwsAsync(() => visitor.session.save(), { name: 'SessionEndedError' })
    t.is(await visitor.refresh(), 'ended')
    t.throws(() => visitor.session.set('word', 'x'))
  },
)

/** A WebSocket's upgrade, as far as sessions go: there is a request with its cookies, and no answer. */
async function upgrade(t: ExecutionContext, site: Site, cookie: string): Promise<DetachedSession> {
  const { config, engine, observe } = site.services
  return await new Promise((resolve, reject) => {
    site.server.once('upgrade', (incoming, socket) => {
      t.teardown(() => socket.destroy())
      openSession({ ...config.session, engine, observe }, incoming.headers.cookie).then(resolve, reject)
    })
    const headers = { cookie, connection: 'Upgrade', upgrade: 'websocket' }
    request(site.origin.replace('localhost', '127.0.0.1'), { headers })
      .on('error', () => {})
      .end()
  })
}

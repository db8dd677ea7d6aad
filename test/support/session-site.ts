import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import type { Logger } from 'pino'
import { readConfig } from '../../src/config.ts'
import { openServices, type Services } from '../../src/services.ts'
import { sessions, signIn } from '../../src/session/index.ts'
import { serve } from './koa.ts'

/** A small site as the settings open it. */
export interface SessionSite {
  readonly origin: string
  readonly services: Services
  close(): Promise<void>
}

/** Opens a site with the session engine of these settings, in this process. */
export async function openSite(env: Record<string, string | undefined>, log?: Logger): Promise<SessionSite> {
  const services = await openServices(
    readConfig({ NODE_ENV: 'test', LOG_LEVEL: 'silent', SESSION_STORE_TIMEOUT: '10000', ...env }),
    log,
  )
  await services.ready()
  const { config, engine } = services
  const { origin, close } = await serve(sessions({ ...config.session, engine }), async (ctx) => {
    const session = await ctx.session()
    if (ctx.path === '/sign-in') await signIn(session, String(ctx.query['user']))
    else if (ctx.path === '/change') session.set('word', String(ctx.query['word']))
    else if (ctx.path === '/append') session.update('ids', (ids) => [...listOf(ids), String(ctx.query['id'])])
    else if (ctx.path === '/rotate') await session.cycleKey()
    else if (ctx.path === '/end') await session.flush()
    else if (ctx.path === '/end-slowly') {
      // The session is loaded; whoever started this process decides when it ends.
      console.log('loaded')
      await once(process.stdin, 'data')
      await session.flush()
    } else if (ctx.path === '/end-all') await engine.endUser(String(ctx.query['user']))
    const isList = ctx.path === '/append' || ctx.path === '/ids'
    ctx.body = [session.userId, isList ? listOf(session.get('ids')) : (session.get('word') ?? null)]
  })
  return {
    origin,
    services,
    async close() {
      close()
      await services.close()
    },
  }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { origin } = await openSite(process.env)
  console.log(`on ${origin}`)
}

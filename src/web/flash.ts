import type { Context } from 'koa'
import { z } from 'zod'
import { defineSlice, type Session } from '../session/index.ts'

const message = z.object({ kind: z.enum(['done', 'error']), text: z.string().max(500) })

/** A message that is shown once, on the visitor's next page. */
export type FlashMessage = z.infer<typeof message>

const MAX_MESSAGES = 10

const flashSlice = defineSlice({
  name: 'flash',
  schema: z.array(message),
  default: (): FlashMessage[] => [],
  lifetime: 3600,
  budget: 8192,
  logout: 'drop',
})

/** Adds a message for the next page, in the visitor's current language; it survives a redirect. */
export async function flash(
  ctx: Context,
  kind: FlashMessage['kind'],
  message: string,
  values?: Readonly<Record<string, string>>,
): Promise<void> {
  const text = (await ctx.translate())(message, values)
  const session = await ctx.session()
  session.update(flashSlice, (messages) => [...messages, { kind, text }].slice(-MAX_MESSAGES))
}

/**
 * Returns the messages for this page, and removes them from the session. After HEAD they stay, because nobody has seen
 * them. A session without any is not changed.
 */
export function takeFlashes({ method }: Context, session: Session): FlashMessage[] {
  if (!session.has(flashSlice)) return []
  const taken = [...session.get(flashSlice)]
  if (method === 'HEAD') return taken
  const shown = taken.map((message) => JSON.stringify(message))
  // Only what this page shows is removed: another request may have added a message meanwhile.
  session.update(flashSlice, (messages) => messages.filter((message) => !shown.includes(JSON.stringify(message))))
  if (session.get(flashSlice).length === 0) session.delete(flashSlice)
  return taken
}

import type { Context } from 'koa'
import { z } from 'zod'
import { defineSlice, type Session } from '../session/index.ts'

const message = z.object({ kind: z.enum(['done', 'error']), text: z.string().max(500) })

/** A message for the next page the visitor sees. */
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

/** Leaves a message that survives a redirect and is shown once, in the language that the visitor has now. */
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

/** Takes the waiting messages out of the session; a session without any is not changed. */
export function takeFlashes(session: Session): FlashMessage[] {
  if (!session.has(flashSlice)) return []
  const taken = [...session.get(flashSlice)]
  const shown = taken.map((one) => JSON.stringify(one))
  // Only what this page shows is removed: a message that another request leaves meanwhile waits its turn.
  session.update(flashSlice, (messages) => messages.filter((one) => !shown.includes(JSON.stringify(one))))
  if (session.get(flashSlice).length === 0) session.delete(flashSlice)
  return taken
}

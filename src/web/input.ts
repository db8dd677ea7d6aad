import type { Context } from 'koa'
import type { z } from 'zod'

const MAX_ACCEPT = 4096

/** Fields that cannot be accepted, each with a message for its person. 422. */
export class InvalidInputError extends Error {
  readonly status = 422
  readonly expose = true
  readonly fields: Readonly<Record<string, string>>

  constructor(fields: Readonly<Record<string, string>>) {
    super('Please check the marked fields.')
    this.name = 'InvalidInputError'
    this.fields = fields
  }
}

/** The outcome of reading a form: its values, or what is wrong with them beside what was typed. */
export type Input<T> =
  | { ok: true; values: T }
  | { ok: false; errors: Record<string, string>; typed: Record<string, string> }

/** Checks the request's body, form or JSON, against a schema. Unknown fields are left out. */
export function readInput<T>(ctx: Context, schema: z.ZodType<T>): Input<T> {
  const body = bodyOf(ctx)
  const parsed = schema.safeParse(body)
  if (parsed.success) return { ok: true, values: parsed.data }
  const errors: Record<string, string> = Object.create(null)
  for (const issue of parsed.error.issues) errors[issue.path.join('.') || 'body'] ??= issue.message
  return { ok: false, errors, typed: typedText(body) }
}

/**
 * As {@link readInput}, for callers that have no form to show again.
 *
 * @throws InvalidInputError
 */
export function requireInput<T>(ctx: Context, schema: z.ZodType<T>): T {
  const input = readInput(ctx, schema)
  if (!input.ok) throw new InvalidInputError(input.errors)
  return input.values
}

/**
 * Begins the answer to what cannot be accepted: the caller shows the form again.
 *
 * @throws InvalidInputError for clients that speak JSON
 */
export function refuseInput(ctx: Context, errors: Readonly<Record<string, string>>): void {
  if (wantsJson(ctx)) throw new InvalidInputError(errors)
  ctx.status = 422
}

/**
 * What the address says under this name; undefined unless it is there exactly once. Not by `ctx.query`, which takes time
 * quadratic in how often a name is repeated.
 */
export function inQuery(ctx: Context, name: string): string | undefined {
  const [value, ...more] = new URLSearchParams(ctx.querystring).getAll(name)
  return more.length === 0 ? value : undefined
}

/** Whether the client asked for JSON rather than a page, or sent JSON without asking for a page. */
export function wantsJson(ctx: Context): boolean {
  ctx.vary('Accept')
  // No client says so much, and reading it takes time quadratic in the commas after a quotation mark.
  if (ctx.get('Accept').length > MAX_ACCEPT) return false
  if (ctx.accepts('html', 'json') === 'json') return true
  return ctx.request.is('json') === 'json' && !ctx.get('Accept').includes('text/html')
}

function bodyOf(ctx: Context): Record<string, unknown> {
  const { body } = ctx.request
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body } : {}
}

function typedText(body: Record<string, unknown>): Record<string, string> {
  const typed: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(body)) {
    if (typeof value === 'string' && !/password/i.test(name)) typed[name] = value.slice(0, 1000)
  }
  return typed
}

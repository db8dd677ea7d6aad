import type { Context } from 'koa'
import { z } from 'zod'

const MAX_ACCEPT_LENGTH = 4096
// `current` and `repeat` are the other fields of a new password.
const PASSWORD_FIELDS = /password|^(?:current|repeat)$/i

/** 422: invalid fields, each with a message for the visitor. */
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

/** The result of reading a form: its values, or the errors and what was typed. */
export type Input<T> =
  | { ok: true; values: T }
  | { ok: false; errors: Record<string, string>; typed: Record<string, string> }

/** A box in a form; browsers do not send an unchecked one. */
export const checkbox = z
  .union([z.boolean(), z.literal('true').transform(() => true)], 'Check the box or leave it empty.')
  .default(false)

/** Parses the request body, form or JSON, with a schema. Unknown fields are ignored. */
export function readInput<T>(ctx: Context, schema: z.ZodType<T>): Input<T> {
  const body = bodyOf(ctx)
  const parsed = schema.safeParse(body)
  if (parsed.success) return { ok: true, values: parsed.data }
  const errors: Record<string, string> = Object.create(null)
  for (const issue of parsed.error.issues) errors[issue.path.join('.') || 'body'] ??= issue.message
  return { ok: false, errors, typed: typedText(body) }
}

/** What was typed, without passwords, for a form that is shown again although it was valid. */
export function typedInput(ctx: Context): Record<string, string> {
  return typedText(bodyOf(ctx))
}

/**
 * Like {@link readInput}, for requests without a form to show again.
 *
 * @throws InvalidInputError
 */
export function requireInput<T>(ctx: Context, schema: z.ZodType<T>): T {
  const input = readInput(ctx, schema)
  if (!input.ok) throw new InvalidInputError(input.errors)
  return input.values
}

/**
 * Sets status 422; the caller then shows the form again.
 *
 * @throws InvalidInputError for JSON clients
 */
export function refuseInput(ctx: Context, errors: Readonly<Record<string, string>>): void {
  if (wantsJson(ctx)) throw new InvalidInputError(errors)
  ctx.status = 422
}

/**
 * A parameter of the query string; undefined unless it occurs exactly once. Not `ctx.query`, which takes quadratic time if
 * a name is repeated.
 */
export function queryParam(ctx: Context, name: string): string | undefined {
  const [value, ...more] = new URLSearchParams(ctx.querystring).getAll(name)
  return more.length === 0 ? value : undefined
}

/** Returns whether the client accepts JSON rather than HTML, or sent JSON without accepting HTML. */
export function wantsJson(ctx: Context): boolean {
  ctx.vary('Accept')
  // No client sends more, and parsing takes quadratic time in the commas after a quotation mark.
  if (ctx.get('Accept').length > MAX_ACCEPT_LENGTH) return false
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
    if (typeof value === 'string' && !PASSWORD_FIELDS.test(name)) typed[name] = value.slice(0, 1000)
  }
  return typed
}

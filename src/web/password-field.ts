import type { Context } from 'koa'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { MAX_PASSWORD_BYTES } from '../passwords.ts'
import { wantsJson } from './input.ts'
import { passwordProblem } from './password-policy.ts'

const isShortEnough = (password: string) => Buffer.byteLength(password) <= MAX_PASSWORD_BYTES
const TOO_LONG = 'Use at most 1024 bytes.'

/** A password that is entered to sign in. */
export const typedPassword = z
  .string('Enter your password.')
  .min(1, 'Enter your password.')
  .refine(isShortEnough, TOO_LONG)

/** The two fields of a new password, to be checked with {@link newPasswordErrors}. */
export const newPasswordFields = {
  password: z.string('Choose a password.').min(1, 'Choose a password.').refine(isShortEnough, TOO_LONG),
  repeat: z.string('Repeat the password.'),
}

/** A new password, typed twice. */
export interface NewPassword {
  readonly password: string
  readonly repeat: string
}

/** The account that gets a new password. */
export interface PasswordOwner {
  readonly username: string
  readonly email: string
}

/** What is wrong with a new password, by field; empty if nothing is. The same for every form that sets one. */
export async function newPasswordErrors(
  ctx: Context,
  { passwordMinLength: minLength }: Config,
  { password, repeat }: NewPassword,
  { username, email }: PasswordOwner,
): Promise<Record<string, string>> {
  const names = [username, email.slice(0, email.lastIndexOf('@'))]
  const problem = await passwordProblem(password, { minLength, names })
  const min = String(minLength)
  if (problem !== undefined) {
    return { password: wantsJson(ctx) ? problem.replace('{min}', min) : (await ctx.translate())(problem, { min }) }
  }
  return password === repeat ? {} : { repeat: 'The passwords do not match.' }
}

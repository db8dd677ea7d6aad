import { z } from 'zod'
import { LANGUAGES } from '../../web/languages.ts'
import { newPassword } from '../../web/password-field.ts'
import { FormWizard, type WizardStep } from './form-wizard.ts'

export const COUNTRIES = [
  { value: 'AT', label: 'Austria' },
  { value: 'BE', label: 'Belgium' },
  { value: 'CH', label: 'Switzerland' },
  { value: 'DE', label: 'Germany' },
  { value: 'DK', label: 'Denmark' },
  { value: 'ES', label: 'Spain' },
  { value: 'FR', label: 'France' },
  { value: 'GB', label: 'United Kingdom' },
  { value: 'IE', label: 'Ireland' },
  { value: 'IT', label: 'Italy' },
  { value: 'NL', label: 'Netherlands' },
  { value: 'PL', label: 'Poland' },
  { value: 'SE', label: 'Sweden' },
  { value: 'US', label: 'United States' },
] as const

const codes = COUNTRIES.map(({ value }) => value)

/** Text without control characters: PostgreSQL cannot store NUL. */
const optionalLine = (missing: string, maxLength: number) =>
  z
    .string(missing)
    .trim()
    .max(maxLength, 'This is too long.')
    .regex(/^\P{Cc}*$/u, 'This contains characters that are not allowed.')

const line = (missing: string, maxLength: number) => optionalLine(missing, maxLength).min(1, missing)

export const PASSWORD_IS_USERNAME = 'The password must not be the username.'

const identity = {
  username: z
    .string('Choose a username.')
    .trim()
    .regex(/^[A-Za-z0-9._-]{3,30}$/, '3 to 30 letters, digits, dots, dashes or underscores.'),
  fullName: line('Enter your name.', 150),
  email: z.email('Enter an e-mail address.').max(254, 'This is too long.'),
}

/** The first form. The password is hashed before it is stored in the session. */
export const personalForm = z
  .object({ ...identity, password: newPassword, repeat: z.string('Repeat the password.') })
  .refine(({ password, repeat }) => password === repeat, { path: ['repeat'], error: 'The passwords do not match.' })
  .refine(({ password, username }) => password.toLowerCase() !== username.toLowerCase(), {
    path: ['password'],
    error: PASSWORD_IS_USERNAME,
  })

/** Both password fields empty: back on the first step, the password is not changed. */
export const unchangedPassword = z.object({ password: z.literal('').optional(), repeat: z.literal('').optional() })

/** The first form without its password. */
export const identityForm = z.object(identity)

export type PersonalForm = z.infer<typeof identityForm> & { readonly password?: string }

export const personal = {
  name: 'personal',
  schema: z.object({ ...identity, passwordHash: z.string() }),
} satisfies WizardStep

export const address = {
  name: 'address',
  schema: z.object({
    line1: line('Enter your street and house number.', 150),
    line2: optionalLine('Enter text.', 150).default(''),
    city: line('Enter your town.', 100),
    postcode: z
      .string('Enter your postcode.')
      .trim()
      .regex(/^[A-Za-z0-9 -]{2,12}$/, 'Enter your postcode.'),
    country: z.enum(codes, 'Choose a country from the list.'),
    language: z.enum(LANGUAGES, 'Choose a language from the list.').default('en'),
    newsletter: z
      .union([z.boolean(), z.literal('true').transform(() => true)], 'Check the box or leave it empty.')
      .default(false),
  }),
} satisfies WizardStep

const NOT_AGREED = 'Please agree to create the account.'

export const review = {
  name: 'review',
  schema: z.object({
    accept: z.union([z.literal(true), z.literal('true').transform(() => true as const)], NOT_AGREED),
  }),
} satisfies WizardStep

/** Three steps to an account; abandoned data are deleted after an hour. */
export const registrationWizard = new FormWizard({
  name: 'registration',
  steps: [personal, address, review],
  lifetime: 3600,
})

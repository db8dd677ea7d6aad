import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { checkbox } from '../../web/input.ts'
import { LANGUAGES } from '../../web/languages.ts'
import { newPasswordFields } from '../../web/password-field.ts'
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

const identity = {
  username: z
    .string('Choose a username.')
    .trim()
    .min(1, 'Choose a username.')
    .regex(/^[A-Za-z0-9._-]{3,30}$/, '3 to 30 letters, digits, dots, dashes or underscores.'),
  fullName: line('Enter your name.', 150),
  email: z.email('Enter an e-mail address.').max(254, 'This is too long.'),
}

/** The first form. */
export const personalForm = z.object(identity)

export const personal = {
  name: 'personal',
  // The id of the registration is random: an account that has it was created by this registration. An older version that
  // runs beside this one stores none.
  schema: z.object({ ...identity, id: z.uuid().default(() => randomUUID()) }),
} satisfies WizardStep

export const address = {
  name: 'address',
  schema: z.object({
    line1: line('Enter your street and house number.', 150),
    line2: optionalLine('Enter text.', 150).default(''),
    postcode: z
      .string('Enter your postcode.')
      .trim()
      .regex(/^[A-Za-z0-9 -]{2,12}$/, 'Enter your postcode.'),
    city: line('Enter your town.', 100),
    country: z.enum(codes, 'Choose a country from the list.'),
    language: z.enum(LANGUAGES, 'Choose a language from the list.').default('en'),
    newsletter: checkbox,
  }),
} satisfies WizardStep

/** The second form; without a language it is that of the page. */
export const addressForm = address.schema.extend({ language: address.schema.shape.language.unwrap().optional() })

const NOT_AGREED = 'Please agree to create the account.'

export const review = {
  name: 'review',
  schema: z.object({
    accept: z.union([z.literal(true), z.literal('true').transform(() => true as const)], NOT_AGREED),
  }),
} satisfies WizardStep

/** The last form. It has the password, so that no session ever contains one, or its hash. */
export const finishForm = z.object({ ...newPasswordFields, ...review.schema.shape })

/** Three steps to an account; abandoned data are deleted after an hour. */
export const registrationWizard = new FormWizard({
  name: 'registration',
  steps: [personal, address, review],
  lifetime: 3600,
})

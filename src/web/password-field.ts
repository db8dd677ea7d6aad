import { z } from 'zod'
import { demoUsers } from '../demo-users.ts'
import { MAX_PASSWORD_BYTES } from '../passwords.ts'

const TOO_LONG = 'Use at most 1024 bytes.'

// Production does not start if an account has a demo password.
const DEMO_PASSWORDS = demoUsers.map(({ password }): string => password)
// What attackers try first; the minimum length excludes the rest of the usual lists (ASVS 6.2.4).
const COMMON_PASSWORDS = new Set(
  `password password1 password12 password123 passw0rd p@ssword p@ssw0rd 12345678 123456789 1234567890 87654321 11111111
  00000000 88888888 12341234 11223344 123123123 qwertyui qwertyuiop qwerty123 qwerty12 1q2w3e4r 1q2w3e4r5t 1qaz2wsx
  zaq12wsx asdfghjk asdfghjkl zxcvbnm1 iloveyou iloveyou1 princess princess1 sunshine sunshine1 football football1
  baseball baseball1 superman superman1 batman123 trustno1 welcome1 welcome123 letmein1 letmein123 admin123 admin1234
  administrator changeme changeme1 abc12345 abcd1234 abcdefgh aa123456 dragon123 monkey123 master123 michael1 jennifer
  jordan23 computer internet whatever starwars pokemon123 killer123 charlie1 samantha liverpool chelsea1 arsenal1
  hello123 secret123 summer2024 winter2024 summer2025 winter2025 summer2026 winter2026 test1234 testtest guest123
  google123 facebook linkedin samsung1 nothing1 freedom1 mustang1 corvette maverick midnight access14 blink182
  godzilla 99999999 66666666 55555555 77777777 22222222 33333333 44444444 99887766 asdf1234 qazwsxedc q1w2e3r4`.split(
    /\s+/,
  ),
)

/** A password that is entered to sign in. */
export const typedPassword = z
  .string('Enter your password.')
  .min(1, 'Enter your password.')
  .refine((password) => Buffer.byteLength(password) <= MAX_PASSWORD_BYTES, TOO_LONG)

/** A new password: long enough and not a common one; any characters are allowed (ASVS 6.2). */
export const newPassword = z
  .string('Choose a password.')
  .min(8, 'Use at least 8 characters.')
  .refine((password) => Buffer.byteLength(password) <= MAX_PASSWORD_BYTES, TOO_LONG)
  .refine(
    (password) => !COMMON_PASSWORDS.has(password.toLowerCase()) && !DEMO_PASSWORDS.includes(password),
    'This password is too easy to guess.',
  )

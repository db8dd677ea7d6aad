import { demoUsers } from '../demo-users.ts'
import { SITE_NAME } from './site.ts'

/** Options for {@link passwordProblem}. */
export interface PasswordRules {
  /** Characters. */
  readonly minLength: number
  /** What an attacker knows of the account: its username, and its e-mail address before the @. */
  readonly names: readonly string[]
}

// A shorter name is part of too many other words.
const MIN_NAME_LENGTH = 3
const MIN_BESIDE_NAMES = 6

// Production does not start if an account has a demo password.
const DEMO_PASSWORDS: readonly string[] = demoUsers.map(({ password }) => password)

let common: Promise<ReadonlySet<string>> | undefined

/**
 * Why a new password is refused; undefined if it is not. An English sentence, in which `{min}` is the min length. Any
 * characters are allowed, and no kind of them is required (ASVS 6.2, NIST 800-63B).
 */
export async function passwordProblem(password: string, rules: PasswordRules): Promise<string | undefined> {
  if ([...password].length < rules.minLength) return 'Use at least {min} characters.'
  const folded = fold(password)
  common ??= readCommonPasswords()
  if ((await common).has(folded) || DEMO_PASSWORDS.includes(password)) return 'This password is too easy to guess.'
  const rest = withoutNames(folded, rules.names)
  if (rest !== undefined && (rest.length < MIN_BESIDE_NAMES || (await common).has(rest))) {
    return 'The password needs more than your username, your e-mail address or the name of this site.'
  }
  return undefined
}

/** The letters and digits beside the names and that of the service; undefined if none of them occurs. */
function withoutNames(folded: string, names: readonly string[]): string | undefined {
  const known = [SITE_NAME, ...names].map(fold).filter((name) => name.length >= MIN_NAME_LENGTH)
  let rest = folded
  // The longest first: it may contain another one.
  for (const name of known.sort((one, other) => other.length - one.length)) rest = rest.replaceAll(name, ' ')
  return rest === folded ? undefined : rest.replace(/[^\p{L}\p{N}]/gu, '')
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}

/** The 49,000 commonest passwords of published leaks: 5 MB, so only loaded when a password is chosen. */
async function readCommonPasswords(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'])
}

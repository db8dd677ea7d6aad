import type { Config } from '../../config.ts'
import { type Finding, fail, ok, warn } from '../../storage/finding.ts'
import { verifyServer } from './mail.ts'

const ITEM = 'mail'
const NOBODY = 'nobody who has forgotten a password can choose another one'

/** Checks whether links to a new password can be made and sent. */
export async function checkMail(
  { production, publicOrigin }: Config,
  { SMTP_URL: smtpUrl }: { readonly SMTP_URL?: string | undefined },
): Promise<Finding[]> {
  if (smtpUrl === undefined && !production) return [ok(ITEM, 'Mail is not sent, but logged and shown on /dev/mail.')]
  const findings: Finding[] = []
  if (production && publicOrigin === undefined) {
    const fix = 'PUBLIC_ORIGIN=https://…, the public origin'
    findings.push(warn(ITEM, `PUBLIC_ORIGIN is not set, so no link can be made: ${NOBODY}.`, fix))
  }
  if (smtpUrl === undefined) {
    const fix = 'SMTP_URL=smtp://user:password@host:587, or smtps://…'
    findings.push(warn(ITEM, `SMTP_URL is not set: ${NOBODY}.`, fix))
    return findings
  }
  try {
    await verifyServer(smtpUrl)
  } catch (error) {
    // Not the message: it may have what the server said to the password.
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    findings.push(
      fail(ITEM, `The mail server of SMTP_URL does not answer, or refuses${code}: ${NOBODY}.`, 'Correct SMTP_URL'),
    )
  }
  return findings.length > 0 ? findings : [ok(ITEM, 'The mail server accepts a connection.')]
}

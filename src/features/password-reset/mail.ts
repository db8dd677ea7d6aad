import { createTransport } from 'nodemailer'
import type { Services } from '../../services.ts'

/** A link to a new password, as a path, for the account with this username. */
export interface ResetLink {
  readonly username: string
  readonly path: string
}

/** A message; `links` are those in its text, for the page of development. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly links: readonly ResetLink[]
}

/** Options for {@link openMailer}. */
export interface MailOptions {
  readonly smtpUrl: string | undefined
  readonly from: string
}

/** Sends mail. */
export interface Mailer {
  send(mail: Mail): Promise<void>
  /** The newest messages that were not sent, first; without SMTP, outside production. */
  readonly unsent: readonly Mail[]
}

const TIMEOUT_MS = 10_000
const TIMEOUTS = { connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS }
const MAX_UNSENT = 20

/**
 * Connects to the mail server and signs in there, without sending anything.
 *
 * @throws Error if it does not answer or refuses
 */
export async function verifyServer(smtpUrl: string): Promise<void> {
  const transport = createTransport({ url: smtpUrl, ...TIMEOUTS })
  try {
    await transport.verify()
  } finally {
    transport.close()
  }
}

/** By SMTP or, outside production without it, to the log and `unsent`; undefined if no mail can be sent. */
export function openMailer({ config, log }: Services, { smtpUrl, from }: MailOptions): Mailer | undefined {
  if (smtpUrl !== undefined) {
    const transport = createTransport({ url: smtpUrl, ...TIMEOUTS }, { from })
    return {
      unsent: [],
      async send({ to, subject, text }) {
        await transport.sendMail({ to: { name: '', address: to }, subject, text })
      },
    }
  }
  // The text has a secret, so it must never get into the log of a server that others use.
  if (config.production) return undefined
  const unsent: Mail[] = []
  return {
    unsent,
    async send(mail) {
      unsent.unshift(mail)
      unsent.splice(MAX_UNSENT)
      log.info(`mail to ${mail.to}, not sent as SMTP_URL is empty: ${mail.subject}\n${mail.text}`)
    },
  }
}

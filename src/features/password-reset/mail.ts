import { createTransport } from 'nodemailer'
import type { Services } from '../../services.ts'

/** A message; `link` is the path in its text, for the page of development. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly link: string
}

/** Options for {@link openMailer}. */
export interface MailOptions {
  readonly smtpUrl: string | undefined
  readonly from: string
}

/** Sends mail. */
export interface Mailer {
  send(mail: Mail): Promise<void>
  /** The newest messages that were not sent, first; only in development, without SMTP. */
  readonly unsent: readonly Mail[]
}

const TIMEOUT_MS = 10_000
const MAX_UNSENT = 20

/** By SMTP or, in development without it, to the log and the page /dev/mail; undefined if no mail can be sent. */
export function openMailer({ config, log }: Services, { smtpUrl, from }: MailOptions): Mailer | undefined {
  if (smtpUrl !== undefined) {
    const limits = { connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS }
    const transport = createTransport({ url: smtpUrl, ...limits }, { from })
    return {
      unsent: [],
      async send({ to, subject, text }) {
        await transport.sendMail({ to: { name: '', address: to }, subject, text })
      },
    }
  }
  // The text has a secret, so it must never get into the log of a server that others use.
  if (config.mode !== 'development') return undefined
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

import type { TestBrowser } from '../../support/app.ts'

/** The links in the page with the mail that development shows. */
export const linksOf = (page: string) =>
  [...page.matchAll(/href="(\/password-reset\/new\?token=[\w-]{43})"/g)].map(([, link = '']) => link)

/** The messages in that page. */
export const mailsOf = (page: string) =>
  [...page.matchAll(/<p class="muted">([^<]*@[^<]*)<\/p>([\s\S]*?)<\/section>/g)].map(([, to = '', text = '']) => ({
    to,
    text,
  }))

/** The newest link in the mail that development shows, once there are so many. */
export async function mailedLink(browser: TestBrowser, mails = 1): Promise<string> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const { text } = await browser.get('/dev/mail')
    const links = linksOf(text)
    if (links.length >= mails) return links[0] ?? ''
  }
  throw new Error('no mail came')
}

export const tokenOf = (link: string) => link.split('token=')[1] ?? ''

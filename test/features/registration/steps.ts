import type { Answer, TestBrowser } from '../../support/app.ts'

export const REGISTER = '/register'

/** Sends the form of one step. */
export async function sendStep(browser: TestBrowser, step: number, form: Record<string, string>): Promise<Answer> {
  return await browser.post(`${REGISTER}/${step}`, form)
}

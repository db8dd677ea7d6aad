import { LANGUAGES } from '../../../src/web/languages.ts'
import type { Answer, TestBrowser } from '../../support/app.ts'

export const REGISTER = '/register'

/** Sends the form of one step. */
export async function sendStep(browser: TestBrowser, step: number, form: Record<string, string>): Promise<Answer> {
  return await browser.post(`${REGISTER}/${step}`, form)
}

/** What a newcomer sends in the first step. */
export const PERSON = {
  username: 'newcomer',
  fullName: 'New Comer',
  email: 'new@example.com',
}
/** What a newcomer sends in the third step. */
export const FINISH = { accept: 'true', password: 'correct horse battery', repeat: 'correct horse battery' }
/** What a newcomer sends in the second step. */
export const PLACE = {
  line1: 'Street 1',
  line2: '',
  postcode: '12345',
  city: 'Town',
  country: 'DE',
  language: LANGUAGES.at(-1) ?? 'en',
  newsletter: 'true',
}

export interface Progress {
  current_step: number
  total_steps: number
  completed_steps: number[]
  data: Record<string, Record<string, unknown>>
}
/** How far the browser is, as JSON. */
export const progress = async (browser: TestBrowser, step = 1) =>
  (await browser.json('GET', `/register/${step}`)).json<Progress>()
export const person = (username: string) => ({ ...PERSON, username })

import type { Answer, TestBrowser } from '../../support/app.ts'

export const LOGIN = '/login'

export async function signIn(
  browser: TestBrowser,
  username: string,
  password = `${username}-demo-password`,
): Promise<Answer> {
  return await browser.post(LOGIN, { username, password })
}

export const signOut = (browser: TestBrowser) => browser.post('/logout')

export const isSignedIn = async (browser: TestBrowser) => (await browser.json('GET', '/account')).status === 200

/** Gives the account another password. */
export const changePassword = (browser: TestBrowser, current: string, password: string) =>
  browser.json('POST', '/account/password', { current, password, repeat: password })

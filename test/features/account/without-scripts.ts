import { fill, heading, type WithoutScripts } from '../../support/visitors.ts'

/** A refused sign-in has the focus on its summary, which leads to the fields. A new password ends the browser on another device, and signing out ends this one. */
export const visit: WithoutScripts['visit'] = async (t, page, { visitor }) => {
  const password = 'happily-ever-after'
  const second = await visitor()
  await page.goto('/login')
  await fill(page, { username: 'grace', password: 'wrong' })
  await page.click('main button')
  await page.waitForSelector('[role=alert]:focus')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#username:focus')
  for (const [one, to] of [
    [page, '/account'],
    [second, '/'],
  ] as const) {
    await one.goto(`/login?next=${to}`)
    await fill(one, { username: 'GRACE', password: 'grace-demo-password' })
    await one.click('main button')
    t.is(new URL(one.url()).pathname, to)
  }
  await second.goto('/account')
  t.is(await heading(second), 'Your account')
  await page.goto('/account/password')
  await fill(page, { current: 'grace-demo-password', password, repeat: password })
  await page.click('main button')
  t.true(page.url().endsWith('/account'))
  await second.goto('/account')
  t.true(second.url().includes('/login?next='))
  await page.click('text=Sign out')
  t.regex((await page.textContent('[role=status]')) ?? '', /signed out/)
  await fill(page, { username: 'grace', password })
  await page.click('main button')
  t.is(await heading(page), 'Your account')
}

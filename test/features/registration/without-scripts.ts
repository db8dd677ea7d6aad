import { fill, heading, type WithoutScripts } from '../../support/visitors.ts'
import { REGISTER } from './steps.ts'

/** Three steps, with a detour and a reload. */
export const visit: WithoutScripts['visit'] = async (t, page) => {
  await page.goto(REGISTER)
  await fill(page, { username: 'reader', fullName: 'Scenario Teller', email: 'reader@example.com' })
  await page.click('text=Next')
  t.true(page.url().endsWith('/register/2'))
  await page.goto('/')
  await page.goto(REGISTER)
  t.true(page.url().endsWith('/register/2'), 'it goes on where it was left')
  await page.reload()
  await fill(page, { line1: 'Fable Lane 1', postcode: '12345', city: 'Storytown' })
  await page.click('main >> text=Next')
  t.regex((await page.textContent('main')) ?? '', /Scenario Teller[\s\S]*Fable Lane 1/)
  const passwords = { password: 'once-upon-a-time', repeat: 'once-upon-a-time' }
  await fill(page, passwords)
  await page.click('text=Create account')
  t.regex((await page.textContent('[role=alert]')) ?? '', /agree/)
  await page.check('#accept')
  await fill(page, passwords)
  await page.click('text=Create account')
  t.is(await heading(page), 'Your account')
  t.regex((await page.textContent('[role=status]')) ?? '', /Welcome/)
  await page.reload()
  t.is(await page.$('[role=status]'), null, 'a message is shown once')
}

import { changePassword } from '../features/account/steps.ts'
import { LOCAL } from '../storage/set-ups.ts'
import { backUp } from './backups.ts'
import { PASSWORD } from './deployment.ts'
import { scenariosOn } from './support.ts'

// What is in the memory of a process has no backup.
const scenario = scenariosOn(LOCAL.filter(({ name }) => name !== 'cache'))

scenario(
  'a restored backup of the sessions: users signed out by a new password since stay signed out',
  async (t, deployment) => {
    const shop = await deployment.shop(t)
    const { username } = await deployment.account()
    const [owner, attacker] = [shop.browser(), shop.browser()]
    for (const browser of [owner, attacker]) await browser.json('POST', '/login', { username, password: PASSWORD })
    const stolen = await attacker.cookie()
    const restore = await backUp(shop.services)
    const password = 'another long password'
    t.is((await changePassword(owner, PASSWORD, password)).status, 200)
    await restore()
    await attacker.jar.removeAllCookies()
    await attacker.jar.setCookie(stolen, attacker.origin)
    t.is((await attacker.json('GET', '/account')).status, 401)
    t.is((await owner.json('POST', '/login', { username, password })).status, 200)
    t.is((await owner.json('GET', '/account')).status, 200)
  },
)

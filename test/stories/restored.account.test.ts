import { changePassword } from '../features/account/steps.ts'
import { LOCAL } from '../storage/set-ups.ts'
import { backUp } from './backups.ts'
import { PASSWORD } from './place.ts'
import { storiesOn } from './support.ts'

// What is in the memory of a process has no backup.
const tell = storiesOn(LOCAL.filter(({ name }) => name !== 'cache'))

tell(
  'a restored backup of the sessions: whoever was signed out by a new password since is not back',
  async (t, place) => {
    const shop = await place.shop(t)
    const { username } = await place.account()
    const [owner, thief] = [shop.browser(), shop.browser()]
    for (const browser of [owner, thief]) await browser.json('POST', '/login', { username, password: PASSWORD })
    const stolen = await thief.cookie()
    const restore = await backUp(shop.services)
    const password = 'another long password'
    t.is((await changePassword(owner, PASSWORD, password)).status, 200)
    await restore()
    await thief.jar.removeAllCookies()
    await thief.jar.setCookie(stolen, thief.origin)
    t.is((await thief.json('GET', '/account')).status, 401)
    t.is((await owner.json('POST', '/login', { username, password })).status, 200)
    t.is((await owner.json('GET', '/account')).status, 200)
  },
)

import { testOn } from '../../storage/present.ts'
import { startApp } from '../../support/app.ts'
import { EVERY_SETTING } from '../../support/every-setting.ts'
import { changePassword, isSignedIn, signIn, signOut } from './steps.ts'

for (const [name, env] of Object.entries(EVERY_SETTING)) {
  testOn(env)(`${name}: a new password goes on here and ends elsewhere, and a sign-out ends it`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const [here, there] = [app.browser(), app.browser()]
    for (const browser of [here, there]) await signIn(browser, 'ada')
    t.is((await changePassword(here, 'ada-demo-password', 'something quite new')).status, 200)
    t.deepEqual([await isSignedIn(there), await isSignedIn(here)], [false, true])
    await signOut(here)
    t.false(await isSignedIn(here))
  })
}

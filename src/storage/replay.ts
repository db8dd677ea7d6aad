import { defineSettings, optionalSeconds, setting } from '../settings.ts'

/** For every engine that has sessions in cookies. */
export const replaySettings = defineSettings({
  SESSION_COOKIE_REPLAY: setting(
    optionalSeconds,
    "Seconds after which a copy of a session in a cookie is refused; empty for the cookie's age",
  ),
})

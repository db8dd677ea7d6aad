import { defineSettings, optionalSeconds, setting } from '../settings.ts'

/** Settings of every engine that stores sessions in cookies. */
export const replaySettings = defineSettings({
  SESSION_COOKIE_REPLAY: setting(
    optionalSeconds,
    'Seconds after which an old copy of a session cookie is refused; empty: the age of the cookie',
  ),
})

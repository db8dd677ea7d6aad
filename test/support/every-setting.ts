/** Settings of sessions, each with which everything must work as with the defaults. */
export const EVERY_SETTING: Readonly<Record<string, Record<string, string>>> = {
  'the defaults': {},
  'Django format': { SESSION_FORMAT: 'django' },
  'Django format with an absolute age': { SESSION_FORMAT: 'django', SESSION_ABSOLUTE_AGE: '3600' },
  MessagePack: { SESSION_SERIALIZER: 'msgpack' },
  'until the browser closes': { SESSION_EXPIRE_AT_BROWSER_CLOSE: 'true' },
  'save every request': { SESSION_SAVE_EVERY_REQUEST: 'true' },
  'idle and absolute age': { SESSION_IDLE_AGE: '600', SESSION_ABSOLUTE_AGE: '3600' },
  'another cookie name': { SESSION_COOKIE_NAME: 'sid' },
}

const BASE = 'http://own.invalid'

/**
 * Where to go after signing in: a path of this application, or the fallback. Only text that starts with exactly one
 * slash and still leads to this origin when a browser parses it is taken.
 */
export function ownPath(next: unknown, fallback = '/'): string {
  if (typeof next !== 'string' || next.length > 2000 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(next)) return fallback
  // Decoded once more, because a proxy in front may do so before the browser sees it.
  const decoded = safelyDecoded(next)
  if (decoded === undefined || /\\|\/\/|\p{Cc}/u.test(decoded) || next.includes('\\')) return fallback
  const url = new URL(next, BASE)
  // Back to the sign-in page would be a loop, and signing out is not where anybody meant to go.
  if (url.origin !== BASE || /^\/log(in|out)\b/.test(url.pathname) || url.pathname.startsWith('//')) return fallback
  return url.pathname + url.search + url.hash
}

function safelyDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(decodeURIComponent(text.split(/[?#]/, 1)[0] ?? ''))
  } catch {
    return undefined
  }
}

const BASE = 'http://local.invalid'

/**
 * The path to go to after signing in, or the fallback. It must start with exactly one slash, and lead to this origin when
 * a browser parses it.
 */
export function localPath(next: unknown, fallback = '/'): string {
  if (typeof next !== 'string' || next.length > 2000 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(next)) return fallback
  // Decoded twice, because a proxy may decode it before the browser does.
  const decoded = safelyDecoded(next)
  if (decoded === undefined || /\\|\/\/|\p{Cc}/u.test(decoded) || next.includes('\\')) return fallback
  const url = new URL(next, BASE)
  // The sign-in page would be a loop, and nobody wants to be signed out.
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

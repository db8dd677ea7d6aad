/**
 * Decodes base64url without padding, and only its one canonical spelling: Node skips characters it does not know and
 * ignores spare bits, so that many texts would mean the same bytes.
 */
export function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

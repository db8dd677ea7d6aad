/**
 * Decodes base64url without padding, canonical form only: Node skips unknown characters and ignores spare bits, so
 * that many texts would decode to the same bytes.
 *
 * @returns undefined for any other text
 */
export function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

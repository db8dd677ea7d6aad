/**
 * A copy of a well-formed text, for what stays in memory: V8 keeps a piece of a text as a reference to all of it, such as
 * a header of 16 KB.
 */
export function ownText(text: string): string {
  return Buffer.from(text).toString()
}

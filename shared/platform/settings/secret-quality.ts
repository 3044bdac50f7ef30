/** Whether a text can be a secret: long enough, no placeholder that is public, and not guessed by trying what is simple. */

export const minSecretBytes = 32
export const secretTakes = `a text of at least ${minSecretBytes} bytes that nobody can guess (openssl rand -hex 32)`

/** What examples, of this repository and of others, have in the place of a secret. */
const placeholders = /put[\W_]?(?:it|the|your)|(?:change|replace)[\W_]?(?:me|this)|place[\W_]?holder|your[\W_]+(?:\w+[\W_]+){0,3}(?:secret|key|password)|(?:secret|key|password)[\W_]+here|openssl/i
/** Random hex of 32 characters has some 110, "abcd" eight times 64. */
const minEntropyBits = 80
const longestPattern = 16

/** What is wrong with it, as a fault may say it: never the text itself. Undefined where it will do. */
export function secretFlaw (text: string): string | undefined {
  const bytes = Buffer.byteLength(text)
  if (bytes < minSecretBytes) return `another text of ${bytes} bytes`
  if (placeholders.test(text)) return `a placeholder of ${bytes} bytes`
  if (hasPattern(text) || entropyBits(text) < minEntropyBits) return `a text of ${bytes} bytes with little variety`
  return undefined
}

/** One short text again and again. */
function hasPattern (text: string): boolean {
  for (let length = 1; length <= Math.min(longestPattern, text.length / 2); length++) {
    if (text.slice(length) === text.slice(0, -length)) return true
  }
  return false
}

/** By how often each of its characters occurs in it: more than a guesser needs, less than it seems. */
function entropyBits (text: string): number {
  const characters = [...text]
  const counts = new Map<string, number>()
  for (const character of characters) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count * Math.log2(count / characters.length)
  return bits
}

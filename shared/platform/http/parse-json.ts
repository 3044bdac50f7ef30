/**
 * JSON.parse rounds whole numbers beyond 2^53 without a word: 738529527931269425 becomes 738529527931269400. Such a number, an id mostly,
 * is read as infinity, which every check of a body refuses. Fractions are rounded to double precision, as everywhere.
 */
const longNumber = /\d{16}/
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs
const longInteger = /^-?\d{16,}$/

/** Throws SyntaxError. */
export function parseJson (text: string): unknown {
  const value: unknown = JSON.parse(text)
  // Only what is JSON is searched: in it each quote has its other one, and no search for that runs to the end of the text in vain.
  return longNumber.test(text) ? JSON.parse(text.replace(tokens, token => longInteger.test(token) && !isKept(token) ? '1e999' : token)) : value
}

/** Whether it is written again as it was read: its digits, but for zeros at the end, are those of 1.2345e+25. */
function isKept (integer: string): boolean {
  const digits = integer.replace('-', '')
  const written = String(Number(digits)).replace(/e.*/, '').replace('.', '').replace(/0+$/, '')
  return digits.startsWith(written) && /^0*$/.test(digits.slice(written.length))
}

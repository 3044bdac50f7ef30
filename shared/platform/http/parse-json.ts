/**
 * JSON.parse rounds whole numbers beyond 2^53 without a word: 738529527931269425 becomes 738529527931269400. Such a number, an id mostly,
 * is read as infinity, which every check of a body refuses. Fractions are rounded to double precision, as everywhere.
 */
const longNumber = /\d{16}/
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs
const longInteger = /^-?\d{16,}$/

/** Throws SyntaxError. */
export function parseJson (text: string): unknown {
  return JSON.parse(longNumber.test(text) ? text.replace(tokens, token => longInteger.test(token) && !isKept(token) ? '1e999' : token) : text)
}

/** Whether it is written again as it was read: its digits, but for zeros at the end, are those of 1.2345e+25. */
const isKept = (integer: string): boolean => significant(integer) === significant(String(Number(integer)).replace(/e.*/, ''))
const significant = (decimal: string): string => decimal.replace(/[-.]/g, '').replace(/0+$/, '')

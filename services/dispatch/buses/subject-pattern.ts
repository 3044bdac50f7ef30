/** Whether a subject matches a pattern: `*` stands for one token, a last `>` for one or more. */
export function createSubjectMatcher (pattern: string): (subject: string) => boolean {
  const tokens = pattern.split('.')
  if (!tokens.includes('*') && !tokens.includes('>')) return subject => subject === pattern
  const isOpen = tokens.at(-1) === '>'
  const fixed = isOpen ? tokens.slice(0, -1) : tokens
  // Most subjects differ before the first wildcard.
  const head = pattern.slice(0, pattern.search(/[*>]/))
  return subject => {
    if (!subject.startsWith(head)) return false
    const given = subject.split('.')
    if (isOpen ? given.length <= fixed.length : given.length !== fixed.length) return false
    return fixed.every((token, index) => token === '*' || token === given[index])
  }
}

/** Remembers the last ids seen: a volatile message has no `seq`, and comes twice while two sockets are open. */
export function createRecentIds (max = 1_000): { isNew (id: string): boolean } {
  const seen = new Set<string>()
  return {
    isNew (id) {
      if (seen.has(id)) return false
      seen.add(id)
      const oldest = seen.values().next().value
      if (seen.size > max && oldest !== undefined) seen.delete(oldest)
      return true
    }
  }
}

/** Numbers of messages by category. */
export type Counts = Map<string, number>

export function add (counts: Counts, category: string, n: number): void {
  const sum = (counts.get(category) ?? 0) + n
  if (sum === 0) counts.delete(category)
  else counts.set(category, sum)
}

export interface Unread { readonly unread: number, readonly byCategory: Readonly<Record<string, number>> }

/** The form of the wire. A category may be called `__proto__`: the object has no prototype to harm. */
export function toUnread (counts: Counts): Unread {
  let unread = 0
  const byCategory: Record<string, number> = Object.create(null) as Record<string, number>
  for (const [category, n] of [...counts].sort(([a], [b]) => a < b ? -1 : 1)) {
    byCategory[category] = n
    unread += n
  }
  return { unread, byCategory }
}

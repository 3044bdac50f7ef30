/** What a migration says: numbers and times as people read them. */
export const count = (number: number): string => Math.round(number).toLocaleString('en-US')

export function plural (number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`
}

/** `45 s`, `12 min`, `3 h 5 min`. */
export function howLong (ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.ceil(seconds / 60)
  if (minutes < 100) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** `beforeMs`: how many were done when this began. */
export function pace ({ verb, done, total, before, elapsedMs }: { verb: string, done: number, total: number, before: number, elapsedMs: number }): string {
  const share = total === 0 ? 100 : Math.floor(100 * done / total)
  const perMs = (done - before) / elapsedMs
  const speed = perMs > 0 && Number.isFinite(perMs) ? `, ${count(perMs * 1000)} a second, ${howLong((total - done) / perMs)} left` : ''
  return `${verb} ${count(done)} of ${count(total)} documents (${share} %)${speed}`
}

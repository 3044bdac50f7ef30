/** Durations as people write them: `90s`, `15m`, `1h`, `30d`. */
const unitsMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** Milliseconds; undefined for text that is no duration. */
export function parseDurationMs (text: string): number | undefined {
  const match = /^(\d{1,12})([smhdw])$/.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * unitsMs[match[2] as keyof typeof unitsMs]
}

/** The shortest way to write it: 2592000000 is `30d`. */
export function formatDuration (ms: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (ms > 0 && ms % unitsMs[unit] === 0) return `${ms / unitsMs[unit]}${unit}`
  }
  return `${ms / 1000}s`
}

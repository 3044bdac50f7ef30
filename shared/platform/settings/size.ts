/** Sizes as people write them: `67108864`, `64MiB`, `1GB`. */
const unitsBytes = { b: 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4, kb: 1000, mb: 1000 ** 2, gb: 1000 ** 3, tb: 1000 ** 4 } as const

/** Bytes; undefined for text that is no size. */
export function parseSizeBytes (text: string): number | undefined {
  const match = /^(\d{1,15}) ?([kmgt]?i?b)?$/i.exec(text)
  const unit = match?.[2]?.toLowerCase() ?? 'b'
  return match === null || !Object.hasOwn(unitsBytes, unit) ? undefined : Number(match[1]) * unitsBytes[unit as keyof typeof unitsBytes]
}

/** The shortest way to write it: 67108864 is `64MiB`. */
export function formatSize (bytes: number): string {
  for (const [name, unit] of [['TiB', unitsBytes.tib], ['GiB', unitsBytes.gib], ['MiB', unitsBytes.mib], ['KiB', unitsBytes.kib]] as const) {
    if (bytes > 0 && bytes % unit === 0) return `${bytes / unit}${name}`
  }
  return String(bytes)
}

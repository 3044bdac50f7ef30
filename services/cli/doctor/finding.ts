/** One line of the doctor: what was looked at, what was found, and what to do about it. */
export interface Finding {
  /** `ok`; `warn` = it works, but not as it should; `FAIL` = it does not work. */
  readonly level: 'ok' | 'warn' | 'FAIL'
  readonly check: string
  readonly text: string
  readonly remedy?: string
}

export const ok = (check: string, text: string): Finding => ({ level: 'ok', check, text })
export const warn = (check: string, text: string, remedy: string): Finding => ({ level: 'warn', check, text, remedy })
export const fail = (check: string, text: string, remedy: string): Finding => ({ level: 'FAIL', check, text, remedy })

export function findingLine ({ level, check, text, remedy }: Finding): string {
  return `${level.padEnd(4)}  ${check.padEnd(12)}  ${text}${remedy === undefined ? '' : `. ${remedy}`}`
}

/** Whether a dotted version is `least` or later; undefined where it is no such version. */
export function isAtLeast (version: string, least: readonly [major: number, minor: number]): boolean | undefined {
  const match = /^v?(\d+)\.(\d+)/.exec(version)
  if (match === null) return undefined
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major > least[0] || (major === least[0] && minor >= least[1])
}

/** An error's own words, with those of what caused it. */
export function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  const text = typeof code === 'string' && !error.message.includes(code) ? `${code}: ${error.message}` : error.message
  return (error.cause instanceof Error ? `${text} (${reasonOf(error.cause)})` : text).replaceAll('\n', ' ')
}

/** Times as a reader of a language says them. One set of formatters for each language: to make one costs a hundred times its use. */

export interface Times {
  /** In a list: "now", "5 min ago", "14:05"; of another day its time too, for the day stands above. */
  short (iso: string, nowMs: number): string
  /** A heading: "Today", "Yesterday", "Friday", "12 March 2024". */
  day (atMs: number, nowMs: number): string
  full (iso: string): string
}

const dayMs = 86_400_000
const made = new Map<string, Times>()

export function timesIn (locale: string | undefined): Times {
  const key = locale ?? ''
  const times = made.get(key) ?? createTimes(locale)
  made.set(key, times)
  return times
}

function createTimes (locale: string | undefined): Times {
  const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'short' })
  const weekday = new Intl.DateTimeFormat(locale, { weekday: 'long' })
  const date = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long' })
  const dateOfYear = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' })
  const full = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short' })
  const ago = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' })
  const days = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  return {
    short (iso, nowMs) {
      const atMs = Date.parse(iso)
      if (Number.isNaN(atMs)) return ''
      const minutes = Math.floor((nowMs - atMs) / 60_000)
      // A clock that is a little behind has not seen the future.
      if (minutes < 1 && minutes > -5) return ago.format(0, 'second')
      return minutes >= 1 && minutes < 60 ? ago.format(-minutes, 'minute') : clock.format(atMs)
    },
    day (atMs, nowMs) {
      const back = daysBetween(atMs, nowMs)
      if (back === 0 || back === 1) return capital(days.format(-back, 'day'), locale)
      if (back > 1 && back < 7) return capital(weekday.format(atMs), locale)
      return (new Date(atMs).getFullYear() === new Date(nowMs).getFullYear() ? date : dateOfYear).format(atMs)
    },
    full (iso) {
      const atMs = Date.parse(iso)
      return Number.isNaN(atMs) ? '' : full.format(atMs)
    }
  }
}

/** Of the calendar, whatever the hours between. */
function daysBetween (atMs: number, nowMs: number): number {
  const start = (ms: number): number => new Date(ms).setHours(0, 0, 0, 0)
  return Math.round((start(nowMs) - start(atMs)) / dayMs)
}

const capital = (text: string, locale: string | undefined): string => {
  const first = [...text][0] ?? ''
  return first.toLocaleUpperCase(locale) + text.slice(first.length)
}

/** When what is shown of times is no longer true: at the next minute, which midnight is too. */
export const nextTickMs = (nowMs: number): number => 60_000 - nowMs % 60_000

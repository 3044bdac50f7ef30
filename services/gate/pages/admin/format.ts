const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const percent = new Intl.NumberFormat('en', { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

export const count = (value: number): string => number.format(value)
export const share = (value: number): string => percent.format(value)
export const milliseconds = (value: number): string => `${number.format(value)} ms`
export const bytes = (value: number): string => value < 2 ** 20 ? `${number.format(value / 1024)} KB` : value < 2 ** 30 ? `${Math.round(value / 2 ** 20)} MB` : `${number.format(value / 2 ** 30)} GB`
export const perSecond = (value: number): string => `${number.format(value)}/s`
export const plural = (value: number, one: string, many = `${one}s`): string => `${number.format(value)} ${value === 1 ? one : many}`

/** A time of today by its clock alone. */
export function time (iso: string): string {
  const at = new Date(iso)
  return at.toDateString() === new Date().toDateString() ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`
}

export function timeWithMs (iso: string): string {
  return `${time(iso)}.${String(new Date(iso).getUTCMilliseconds()).padStart(3, '0')}`
}

export function duration (ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** `u:ann` or `p:shop`, as people say it. */
export function sender (from: string): string {
  return from.startsWith('p:') ? `${from.slice(2)} (producer)` : from.slice(2)
}

export function streamName (stream: string): string {
  return stream === 'all' ? 'everyone' : stream.startsWith('g:') ? `group ${stream.slice(2)}` : `user ${stream.slice(2)}`
}

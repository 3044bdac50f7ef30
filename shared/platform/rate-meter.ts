const seconds = 10

/** How many a second were counted, over the last ten; `count` tells how many there were since the start. */
export interface RateMeter { readonly perSecond: () => number, readonly close: () => void }

export function createRateMeter (count: () => number): RateMeter {
  const samples: number[] = []
  const timer = setInterval(() => {
    samples.push(count())
    if (samples.length > seconds + 1) samples.shift()
  }, 1_000)
  timer.unref()
  return {
    perSecond: () => samples.length < 2 ? 0 : Math.round((samples.at(-1)! - samples[0]!) / (samples.length - 1) * 10) / 10,
    close: () => { clearInterval(timer) }
  }
}

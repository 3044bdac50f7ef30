/** What goes wrong and when, out of a seed: the same seed gives the same schedule. */

export type Fault =
  | 'kill' | 'freeze' | 'drain' | 'join'
  | 'nats cut' | 'nats half open' | 'nats slow'
  | 'store cut' | 'store half open' | 'store unsaid' | 'store slow'
  | 'nats restart'

export interface Step {
  /** After the start. */
  readonly atMs: number
  readonly fault: Fault
  /** The process it happens to; `nats` for the server. */
  readonly place: string
  readonly forMs: number
}

export function seeded (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const ofNodes: readonly Fault[] = ['kill', 'kill', 'freeze', 'freeze', 'drain', 'nats cut', 'nats half open', 'nats slow', 'store cut', 'store cut', 'store half open', 'store unsaid', 'store slow']
const ofGates: readonly Fault[] = ['kill', 'freeze', 'nats cut', 'nats half open', 'nats slow']
/** At once, so that something still works. */
const maxAtOnce = 3

export function makeSchedule ({ seed, lengthMs, nodes, gates }: { seed: number, lengthMs: number, nodes: readonly string[], gates: readonly string[] }): Step[] {
  const random = seeded(seed)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const between = (from: number, to: number): number => Math.round(from + random() * (to - from))
  const busyUntil = new Map<string, number>()
  const steps: Step[] = []
  for (let atMs = 2_000; atMs < lengthMs; atMs += between(500, 4_000)) {
    const chance = random()
    const place = chance < 0.04 ? 'nats' : chance < 0.12 ? 'newcomer' : chance < 0.25 ? pick(gates) : pick(nodes)
    const fault: Fault = place === 'nats' ? 'nats restart' : place === 'newcomer' ? 'join' : pick(gates.includes(place) ? ofGates : ofNodes)
    const forMs = between(500, place === 'newcomer' ? 15_000 : 9_000)
    const others = [...busyUntil].filter(([name, until]) => name !== place && until > atMs).length
    if ((busyUntil.get(place) ?? 0) > atMs || others >= maxAtOnce) continue
    // What it takes to be back counts too.
    busyUntil.set(place, atMs + forMs + 4_000)
    steps.push({ atMs, fault, place, forMs })
  }
  return steps
}

export const shownStep = ({ atMs, fault, place, forMs }: Step): string => `${(atMs / 1000).toFixed(1).padStart(6)} s  ${place}: ${fault}, ${(forMs / 1000).toFixed(1)} s`

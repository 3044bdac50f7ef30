/**
 * The rules of appending (services/notifications/log/appender.ts) as a small model, and a search over every order of
 * its steps. One stream; nodes that each work off their tries one after the other; a store whose inserts land late, get
 * lost, or land without an answer, and which purges. Nodes may start anew, and the wall clock of each may be wrong from the
 * beginning and jump at any moment. Time goes in hours of a shrunken day, those of the store.
 *
 * What is assumed, as the real limits assume it: from the moment a head is checked until the insert that rests on it
 * lands, no more than `inFlight` passes; a message is not tried again once it could have been purged.
 */
export interface Rules {
  /** A head in memory is used only while it is fresh, and its time to live extended before it can be purged. */
  readonly freshness: boolean
  /** An entry is put behind `prev` only by who knows that nothing from its time up to there is the same entry. */
  readonly cleared: boolean
  /** The key (stream, prev) is unique. */
  readonly unique: boolean
  /** What lands long after its id's time has a locator. */
  readonly located: boolean
  /** How old a memory is goes by time that passes, not by the wall clock. */
  readonly steady: boolean
  /** What is stored lives beyond the store's time, and a head is prolonged by it, wherever the node's own is behind. */
  readonly latest: boolean
}

export interface Try { readonly id: string, readonly node: number, /** Begins when this other try has ended. */ readonly after?: number }

/** Wall clocks, in hours ahead of the store's (below 0: behind). */
export interface Clocks {
  /** Of each node at the beginning. */
  readonly nodes: readonly number[]
  /** Of who made an id; 0 where none is given. */
  readonly makers?: Readonly<Record<string, number>>
  /** What a node's clock may jump to, so many times in all. */
  readonly jumps?: { readonly to: readonly number[], readonly times: number }
}

export interface ModelOptions {
  readonly rules: Rules
  readonly tries: readonly Try[]
  readonly hours: number
  /** How often the store leaves an insert without an answer. */
  readonly unknowns: number
  readonly maxStates: number
  readonly clocks?: Clocks
  /** How often a node starts anew: it knows nothing, and what it had under way may still land. */
  readonly restarts?: number
}

const keep = 4
const headFresh = 1
const prolongWithin = 1
const inFlight = 1
const ticksPerHour = 16
/** Clocks may be behind by less. */
const startHour = 10
/** In ticks: what lands later has a locator. */
const landsWithin = 4

interface Entry { prev: number, seq: number, id: string, purgeAt: number }
interface Memory { head: { seq: number, purgeAt: number, at: number } | null, ids: string[], knownFrom: number, ahead: number }
interface Task { phase: 'waiting' | 'start' | 'prolong' | 'look' | 'lookLate' | 'place' | 'locate' | 'inserting' | 'ended', clearedTo: number, checkedAt: number, placed: Entry | null }
interface Floating { entry: Entry, task: number, deadline: number, isHeard: boolean }
interface State {
  hour: number
  alive: Entry[]
  /** Ids of all that was ever stored, in order. */
  stored: string[]
  highest: number
  nodes: Memory[]
  tasks: Task[]
  floating: Floating[]
  /** The place at which each was first tried late. */
  locators: Array<{ id: string, prev: number, purgeAt: number }>
  unknowns: number
  jumps: number
  restarts: number
}

export interface Found { readonly states: number, readonly isComplete: boolean, readonly violation: string | undefined, readonly ends: number, readonly beginnings: number }

class Violation extends Error {}

export function explore ({ rules, tries, hours, unknowns, maxStates, clocks = { nodes: [] }, restarts = 0 }: ModelOptions): Found {
  const timeOf = (id: string): number => (startHour + (clocks.makers?.[id] ?? 0)) * ticksPerHour
  const first: State = {
    hour: startHour, alive: [], stored: [], highest: 0, unknowns, jumps: clocks.jumps?.times ?? 0, restarts,
    nodes: Array.from({ length: 1 + Math.max(...tries.map(({ node }) => node)) }, (_, node) => ({ head: null, ids: [], knownFrom: Infinity, ahead: clocks.nodes[node] ?? 0 })),
    tasks: tries.map(({ id }) => ({ phase: 'waiting', clearedTo: timeOf(id), checkedAt: 0, placed: null })),
    floating: [],
    locators: []
  }
  let ends = 0
  let beginnings = 0

  const last = ({ alive }: State): Entry | undefined => alive.at(-1)
  const nodeOf = (state: State, task: number): Memory => state.nodes[tries[task]!.node]!

  const wallOf = (state: State, { ahead }: Memory): number => state.hour + ahead
  /** By what a memory's age is measured. */
  const ageing = (state: State, memory: Memory): number => rules.steady ? state.hour : wallOf(state, memory)
  const latest = (state: State, memory: Memory): number => rules.latest ? Math.max(wallOf(state, memory), state.hour) : wallOf(state, memory)

  function takeHead (memory: Memory, entry: Entry | undefined, hour: number): void {
    if (entry === undefined) {
      memory.head = { seq: 0, purgeAt: Infinity, at: -Infinity }
      memory.ids = []
      memory.knownFrom = 0
    } else {
      if (memory.head?.seq !== entry.seq) {
        memory.ids = [entry.id]
        memory.knownFrom = entry.prev
      }
      memory.head = { seq: entry.seq, purgeAt: entry.purgeAt, at: hour }
    }
  }

  function advance (memory: Memory, entry: Entry, hour: number): void {
    memory.head = { seq: entry.seq, purgeAt: entry.purgeAt, at: hour }
    memory.ids.push(entry.id)
  }

  const isFresh = (state: State, memory: Memory): boolean => {
    const { head } = memory
    return head !== null && (!rules.freshness ? head.at !== -Infinity : ageing(state, memory) - head.at < headFresh && head.purgeAt - latest(state, memory) > prolongWithin)
  }

  function end (state: State, task: number, isResponsive: boolean): void {
    state.tasks[task] = { phase: 'ended', clearedTo: 0, checkedAt: 0, placed: null }
    if (isResponsive && !state.stored.includes(tries[task]!.id)) throw new Violation('answered, and never stored')
  }

  function land (state: State, entry: Entry): 'stored' | 'exists' {
    if (rules.unique && state.alive.some(({ prev }) => prev === entry.prev)) return 'exists'
    if (entry.prev !== (last(state)?.seq ?? 0)) throw new Violation('the chain forks')
    if (entry.seq <= state.highest) throw new Violation('filled in behind a reader')
    if (state.stored.includes(entry.id)) throw new Violation('stored twice')
    if (entry.prev === 0 && state.stored.length > 0) beginnings++
    state.alive.push(entry)
    state.stored.push(entry.id)
    state.highest = entry.seq
    return 'stored'
  }

  /** The node hears what became of its insert. */
  function hear (state: State, task: number, entry: Entry, outcome: 'stored' | 'exists'): void {
    const memory = nodeOf(state, task)
    if (outcome === 'stored') {
      advance(memory, entry, ageing(state, memory))
      end(state, task, true)
      return
    }
    const one = state.tasks[task]!
    one.placed = null
    one.phase = 'start'
    // Reads on behind its head.
    if (memory.head === null || memory.head.seq === 0) { memory.head = null; return }
    for (const entry of state.alive.filter(({ prev }) => prev >= memory.head!.seq)) {
      if (entry.prev !== memory.head.seq) { memory.head = null; return }
      advance(memory, entry, ageing(state, memory))
      if (entry.id === tries[task]!.id) { end(state, task, true); return }
    }
  }

  function place (state: State, task: number): void {
    const memory = nodeOf(state, task)
    const one = state.tasks[task]!
    const { id } = tries[task]!
    if (memory.ids.includes(id)) { end(state, task, true); return }
    const prev = memory.head!.seq
    one.clearedTo = Math.max(one.clearedTo, prev)
    const abovePurged = latest(state, memory) - keep / 2
    const seq = Math.max(wallOf(state, memory) * ticksPerHour, abovePurged * ticksPerHour, prev + 1, timeOf(id) + 1)
    // X is short-lived, what others write lives longer, L longest: entries do not expire in the order of the chain.
    const livesTo = rules.latest ? Math.max(latest(state, memory), Math.floor(seq / ticksPerHour)) : wallOf(state, memory)
    const entry = one.placed?.prev === prev ? one.placed : { prev, seq, id, purgeAt: livesTo + keep + (id === 'X' ? 0 : id === 'L' ? keep : 1) }
    one.placed = entry
    if (rules.located && entry.seq > timeOf(id) + landsWithin) one.phase = 'locate'
    else insert(state, task)
  }

  function insert (state: State, task: number): void {
    const one = state.tasks[task]!
    one.phase = 'inserting'
    state.floating.push({ entry: one.placed!, task, deadline: one.checkedAt + inFlight, isHeard: true })
  }

  /** What is readable of entry `id` among those with a seq above `from` and a prev from `prev` on, up to `to`. */
  const isThere = ({ alive }: State, id: string, from: number, prev: number, to: number): boolean =>
    alive.some(entry => entry.id === id && entry.seq > from && entry.seq <= to && entry.prev >= prev)

  /** Every state that one step leads to. */
  function * steps (from: State): Generator<State> {
    const branch = (change: (state: State) => void): State => {
      const state = copyOf(from)
      change(state)
      return state
    }
    for (const [task, one] of from.tasks.entries()) {
      const { id, node, after } = tries[task]!
      if (one.phase === 'waiting') {
        const isBusy = from.tasks.some(({ phase }, other) => phase !== 'waiting' && phase !== 'ended' && tries[other]!.node === node)
        const isEarly = after !== undefined && from.tasks[after]!.phase !== 'ended'
        // The same message is not tried again once it may have been purged.
        const isLate = id === 'X' && from.hour - startHour > keep - 2 * inFlight
        if (isEarly || isBusy) continue
        yield branch(state => { if (isLate) state.tasks[task]!.phase = 'ended'; else state.tasks[task]!.phase = 'start' })
      } else if (one.phase === 'start') {
        yield branch(state => {
          const memory = nodeOf(state, task)
          const mine = state.tasks[task]!
          mine.checkedAt = state.hour
          mine.phase = 'look'
          if (isFresh(state, memory)) return
          const head = last(state)
          if (rules.freshness && head !== undefined && head.purgeAt - latest(state, memory) <= prolongWithin) mine.phase = 'prolong'
          else takeHead(memory, head, ageing(state, memory))
        })
      } else if (one.phase === 'prolong') {
        yield branch(state => {
          const head = last(state)
          state.tasks[task]!.phase = 'start'
          const memory = nodeOf(state, task)
          const now = latest(state, memory)
          if (head === undefined || head.purgeAt - now > prolongWithin) return // it changed: read again
          head.purgeAt = now + keep
          takeHead(memory, head, ageing(state, memory))
        })
      } else if (one.phase === 'look') {
        yield branch(state => {
          const memory = nodeOf(state, task)
          const mine = state.tasks[task]!
          const head = memory.head!.seq
          if (!rules.cleared || head <= mine.clearedTo || memory.knownFrom <= mine.clearedTo) { place(state, task); return }
          if (isThere(state, id, mine.clearedTo, 0, timeOf(id) + landsWithin)) { end(state, task, true); return }
          mine.phase = head > timeOf(id) + landsWithin ? 'lookLate' : 'place'
        })
      } else if (one.phase === 'lookLate') {
        yield branch(state => {
          const locator = state.locators.find(locator => locator.id === id)
          if (locator !== undefined && isThere(state, id, 0, locator.prev, Infinity)) { end(state, task, true); return }
          state.tasks[task]!.phase = 'place'
        })
      } else if (one.phase === 'place') {
        yield branch(state => { place(state, task) })
      } else if (one.phase === 'locate') {
        yield branch(state => {
          const { prev, purgeAt } = state.tasks[task]!.placed!
          if (!state.locators.some(locator => locator.id === id)) state.locators.push({ id, prev, purgeAt })
          insert(state, task)
        })
      }
    }
    for (const [at, { entry, task, isHeard }] of from.floating.entries()) {
      yield branch(state => {
        state.floating.splice(at, 1)
        const outcome = land(state, entry)
        if (isHeard) hear(state, task, entry, outcome)
      })
      if (!isHeard) yield branch(state => { state.floating.splice(at, 1) }) // lost
      if (isHeard && from.unknowns > 0) {
        // No answer: tried again at once, or given up; the insert may still land.
        for (const isGivenUp of [false, true]) {
          yield branch(state => {
            state.unknowns--
            state.floating[at]!.isHeard = false
            if (!isGivenUp) { state.tasks[task]!.phase = 'start'; return }
            nodeOf(state, task).head = null
            end(state, task, false)
          })
        }
      }
    }
    if (from.alive.some(({ purgeAt }) => purgeAt <= from.hour) || from.locators.some(({ purgeAt }) => purgeAt <= from.hour)) {
      yield branch(state => {
        state.alive = state.alive.filter(({ purgeAt }) => purgeAt > state.hour)
        state.locators = state.locators.filter(({ purgeAt }) => purgeAt > state.hour)
      })
    }
    for (const [node, { ahead }] of from.nodes.entries()) {
      if (from.jumps > 0) {
        for (const to of clocks.jumps?.to ?? []) {
          if (to === ahead) continue
          yield branch(state => {
            state.jumps--
            state.nodes[node]!.ahead = to
          })
        }
      }
      if (from.restarts > 0) {
        yield branch(state => {
          state.restarts--
          state.nodes[node] = { head: null, ids: [], knownFrom: Infinity, ahead }
          for (const [task, { phase }] of state.tasks.entries()) {
            if (tries[task]!.node === node && phase !== 'waiting' && phase !== 'ended') end(state, task, false)
          }
          for (const one of state.floating) if (tries[one.task]!.node === node) one.isHeard = false
        })
      }
    }
    const hour = from.hour + 1
    const isInTime = from.floating.every(({ deadline }) => hour <= deadline) &&
      from.tasks.every(({ phase, checkedAt }) => phase === 'waiting' || phase === 'start' || phase === 'ended' || hour <= checkedAt + inFlight)
    if (hour <= startHour + hours && isInTime) yield branch(state => { state.hour++ })
  }

  const seen = new Set<string>()
  const stack = [first]
  while (stack.length > 0) {
    const state = stack.pop()!
    const key = JSON.stringify(state)
    if (seen.has(key)) continue
    seen.add(key)
    if (seen.size > maxStates) return { states: seen.size, isComplete: false, violation: undefined, ends, beginnings }
    if (state.tasks.every(({ phase }) => phase === 'ended') && state.floating.length === 0) ends++
    try { stack.push(...steps(state)) } catch (error) {
      if (!(error instanceof Violation)) throw error
      return { states: seen.size, isComplete: false, violation: error.message, ends, beginnings }
    }
  }
  return { states: seen.size, isComplete: true, violation: undefined, ends, beginnings }
}

/** By hand: `structuredClone` costs more than the rest of the search. */
const copyOf = ({ alive, stored, nodes, tasks, floating, locators, ...rest }: State): State => ({
  ...rest,
  locators: locators.map(locator => ({ ...locator })),
  alive: alive.map(entry => ({ ...entry })),
  stored: [...stored],
  nodes: nodes.map(({ head, ids, knownFrom, ahead }) => ({ head: head && { ...head }, ids: [...ids], knownFrom, ahead })),
  tasks: tasks.map(task => ({ ...task })),
  floating: floating.map(one => ({ ...one }))
})

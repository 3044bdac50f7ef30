/**
 * The rules of appending (services/notifications/stream/appender.ts) as a small model, and a search over every order of
 * its steps. One stream; nodes that each work off their tries one after the other; a store whose inserts land late, get
 * lost, or land without an answer, and which purges. Time goes in hours of a shrunken day.
 *
 * What is assumed, as the real limits assume it: from the moment a head is checked until the insert that rests on it
 * lands, no more than `inFlight` passes; a message is not tried again once it could have been purged.
 */
export interface Rules {
  /** A head in memory is used only while it is fresh, and prolonged before it can be purged. */
  readonly freshness: boolean
  /** An entry is put behind `prev` only by who knows that nothing from its time up to there is the same entry. */
  readonly cleared: boolean
  /** The key (stream, prev) is unique. */
  readonly unique: boolean
}

export interface Try { readonly id: string, readonly node: number, /** Begins when this other try has ended. */ readonly after?: number }

export interface ModelOptions {
  readonly rules: Rules
  readonly tries: readonly Try[]
  readonly hours: number
  /** How often the store leaves an insert without an answer. */
  readonly unknowns: number
  readonly maxStates: number
}

const keep = 4
const headFresh = 1
const prolongWithin = 1
const inFlight = 1
const ticksPerHour = 16
const startHour = 1
const createdAt = startHour * ticksPerHour

interface Entry { prev: number, seq: number, id: string, purgeAt: number }
interface Memory { head: { seq: number, purgeAt: number, at: number } | null, ids: string[], knownFrom: number }
interface Task { phase: 'waiting' | 'start' | 'prolong' | 'look' | 'inserting' | 'ended', clearedTo: number, checkedAt: number, placed: Entry | null }
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
  unknowns: number
}

export interface Found { readonly states: number, readonly isComplete: boolean, readonly violation: string | undefined, readonly ends: number, readonly beginnings: number }

class Violation extends Error {}

export function explore ({ rules, tries, hours, unknowns, maxStates }: ModelOptions): Found {
  const first: State = {
    hour: startHour, alive: [], stored: [], highest: 0, unknowns,
    nodes: Array.from({ length: 1 + Math.max(...tries.map(({ node }) => node)) }, () => ({ head: null, ids: [], knownFrom: Infinity })),
    tasks: tries.map(() => ({ phase: 'waiting', clearedTo: createdAt, checkedAt: 0, placed: null })),
    floating: []
  }
  let ends = 0
  let beginnings = 0

  const last = ({ alive }: State): Entry | undefined => alive.at(-1)
  const nodeOf = (state: State, task: number): Memory => state.nodes[tries[task]!.node]!

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

  const isFresh = ({ head }: Memory, hour: number): boolean =>
    head !== null && (!rules.freshness ? head.at !== -Infinity : hour - head.at < headFresh && head.purgeAt - hour > prolongWithin)

  function end (state: State, task: number, isAnswered: boolean): void {
    state.tasks[task] = { phase: 'ended', clearedTo: 0, checkedAt: 0, placed: null }
    if (isAnswered && !state.stored.includes(tries[task]!.id)) throw new Violation('answered, and never stored')
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
      advance(memory, entry, state.hour)
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
      advance(memory, entry, state.hour)
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
    const seq = Math.max(state.hour * ticksPerHour, prev + 1, createdAt + 1)
    // X is short-lived, what others write lives longer: entries do not expire in the order of the chain.
    const entry = one.placed?.prev === prev ? one.placed : { prev, seq, id, purgeAt: state.hour + keep + (id === 'X' ? 0 : 1) }
    one.phase = 'inserting'
    one.placed = entry
    state.floating.push({ entry, task, deadline: one.checkedAt + inFlight, isHeard: true })
  }

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
          if (isFresh(memory, state.hour)) return
          const head = last(state)
          if (rules.freshness && head !== undefined && head.purgeAt - state.hour <= prolongWithin) mine.phase = 'prolong'
          else takeHead(memory, head, state.hour)
        })
      } else if (one.phase === 'prolong') {
        yield branch(state => {
          const head = last(state)
          state.tasks[task]!.phase = 'start'
          if (head === undefined || head.purgeAt - state.hour > prolongWithin) return // it changed: read again
          head.purgeAt = state.hour + keep
          takeHead(nodeOf(state, task), head, state.hour)
        })
      } else if (one.phase === 'look') {
        yield branch(state => {
          const memory = nodeOf(state, task)
          const mine = state.tasks[task]!
          const head = memory.head!.seq
          if (rules.cleared && head > mine.clearedTo && memory.knownFrom > mine.clearedTo) {
            if (state.alive.some(entry => entry.id === id && entry.seq > mine.clearedTo)) { end(state, task, true); return }
            mine.clearedTo = head
          }
          place(state, task)
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
    if (from.alive.some(({ purgeAt }) => purgeAt <= from.hour)) {
      yield branch(state => { state.alive = state.alive.filter(({ purgeAt }) => purgeAt > state.hour) })
    }
    const hour = from.hour + 1
    const isInTime = from.floating.every(({ deadline }) => hour <= deadline) &&
      from.tasks.every(({ phase, checkedAt }) => (phase !== 'look' && phase !== 'prolong') || hour <= checkedAt + inFlight)
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
const copyOf = ({ alive, stored, nodes, tasks, floating, ...rest }: State): State => ({
  ...rest,
  alive: alive.map(entry => ({ ...entry })),
  stored: [...stored],
  nodes: nodes.map(({ head, ids, knownFrom }) => ({ head: head && { ...head }, ids: [...ids], knownFrom })),
  tasks: tasks.map(task => ({ ...task })),
  floating: floating.map(one => ({ ...one }))
})

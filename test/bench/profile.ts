/** Where the time of a process goes: self time by the file that a function is in, over one turn. */
import { Session } from 'node:inspector/promises'

interface Node { readonly id: number, readonly callFrame: { readonly functionName: string, readonly url: string, readonly lineNumber: number } }

export interface ProfileShare { readonly place: string, readonly share: number, readonly functions: ReadonlyArray<readonly [name: string, share: number]> }

let session: Session | undefined

export async function startProfile (): Promise<void> {
  session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
}

/** The largest first; what the process slept is left out. */
export async function stopProfile (): Promise<ProfileShare[]> {
  const { profile } = await session!.post('Profiler.stop')
  session!.disconnect()
  const byId = new Map<number, Node>(profile.nodes.map(node => [node.id, node]))
  const places = new Map<string, Map<string, number>>()
  let busy = 0
  for (const [i, id] of (profile.samples ?? []).entries()) {
    const { functionName, url, lineNumber } = byId.get(id)!.callFrame
    // `dispatch` is the inspector's own: the wait for the end of the profile is put down to it.
    if (functionName === '(idle)' || functionName === '(program)' || (url === '' && functionName === 'dispatch')) continue
    const micros = profile.timeDeltas?.[i] ?? 0
    busy += micros
    const place = placeOf(url, functionName)
    const functions = places.get(place) ?? new Map<string, number>()
    const name = `${functionName === '' ? 'anonymous' : functionName}:${lineNumber + 1}`
    functions.set(name, (functions.get(name) ?? 0) + micros)
    places.set(place, functions)
  }
  const sorted = <T>(entries: Iterable<readonly [T, number]>): Array<readonly [T, number]> => [...entries].sort(([, a], [, b]) => b - a)
  return [...places].map(([place, functions]) => ({
    place,
    share: [...functions.values()].reduce((sum, micros) => sum + micros, 0) / busy,
    functions: sorted(functions).slice(0, 4).map(([name, micros]) => [name, micros / busy] as const)
  })).sort((a, b) => b.share - a.share)
}

/** A package as a whole, a file of ours by its path, what has no file by its name. */
function placeOf (url: string, functionName: string): string {
  if (url === '') return functionName === '' ? 'native' : `native ${functionName}`
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)
  if (inPackage !== null) return inPackage[1]!
  return url.startsWith('node:') ? url : url.replace(/^.*\/dist\//, '')
}

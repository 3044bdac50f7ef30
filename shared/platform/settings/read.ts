/** Step one of two: text → values of the schema's types, within its limits. (Step two: config.ts.) */
import type { Static, TObject } from 'typebox'
import { Value } from 'typebox/value'
import { parseDurationMs } from './duration.js'
import { gotText, type Fault } from './fault.js'
import type { Given } from './given.js'
import { fileFormOf, infoOf, type ReadAs } from './setting.js'
import { parseSizeBytes } from './size.js'
import { gatherSources, type Surroundings } from './sources.js'

export interface Reading<S extends TObject> {
  /** Without those at fault; complete when `faults` is empty. */
  readonly values: Partial<Static<S>>
  readonly given: ReadonlyMap<string, Given>
  readonly faults: readonly Fault[]
}

export function readSettings<S extends TObject> (schema: S, argv: readonly string[], surroundings: Surroundings, knownNames: readonly string[]): Reading<S> {
  const { given, faults: sourceFaults } = gatherSources(schema.properties, argv, surroundings, knownNames)
  const faults = [...sourceFaults]
  const values: Record<string, unknown> = {}
  const required = new Set<string>(schema.required)

  for (const [name, property] of Object.entries(schema.properties)) {
    const info = infoOf(property)
    const from = given.get(name)
    if (from === undefined) {
      if (info.default !== undefined) values[name] = info.default
      // A flag without its value is a fault already.
      else if (required.has(name) && !sourceFaults.some(fault => fault.setting === name || fault.setting === fileFormOf(name))) faults.push({ setting: name, origin: undefined, got: 'nothing', takes: info.takes })
      continue
    }
    const value = parse[info.readAs](from.text)
    if (value !== undefined && Value.Check(property, value)) values[name] = value
    else faults.push({ setting: from.form ?? name, origin: from.origin, got: info.flawOf?.(from.text) ?? gotText(from.text, info), takes: info.takes })
  }
  return { values: values as Partial<Static<S>>, given, faults }
}

/** Undefined for text that is no such value. Nothing is guessed: `5x` is not 5, ` ` is not 0. */
const parse: Record<ReadAs, (text: string) => unknown> = {
  text: text => text,
  number: text => /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined,
  duration: parseDurationMs,
  size: parseSizeBytes,
  'yes-no': text => /^(?:true|yes|on|1)$/i.test(text) ? true : /^(?:false|no|off|0)$/i.test(text) ? false : undefined,
  list: text => text.split(',').map(item => item.trim())
}

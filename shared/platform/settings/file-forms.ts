/** What must not be seen may lie in a file: GATEPOST_SECRET_FILE names the one that holds GATEPOST_SECRET. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { shown } from '../../contract/errors.js'
import type { Fault } from './fault.js'
import type { Given } from './given.js'
import { fileFormOf, infoOf, mayBeFile, type SettingsSchema } from './setting.js'

/** Name of the file's setting → name of the setting that it holds. */
export const fileForms = (schema: SettingsSchema): ReadonlyMap<string, string> =>
  new Map(Object.entries(schema).filter(([name, property]) => mayBeFile(name, infoOf(property))).map(([name]) => [fileFormOf(name), name]))

/** Puts what the files hold in the place of their names. */
export function readFiles (given: Map<string, Given>, forms: ReadonlyMap<string, string>, cwd: string, faults: Fault[]): void {
  for (const [form, name] of forms) {
    const file = given.get(form)
    if (file === undefined) continue
    given.delete(form)
    const direct = given.get(name)
    if (direct !== undefined) {
      faults.push({ setting: form, origin: file.origin, got: `a file beside ${name}`, takes: 'one of the two' })
      continue
    }
    try {
      // Whoever writes a file with an editor or `echo` ends it with a newline.
      given.set(name, { text: readFileSync(resolve(cwd, file.text), 'utf8').replace(/\r?\n$/, ''), origin: file.origin, form })
    } catch (error) {
      faults.push({ setting: form, origin: file.origin, got: `${shown(file.text)}, which cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, takes: `the path of a file that holds ${name}` })
    }
  }
}

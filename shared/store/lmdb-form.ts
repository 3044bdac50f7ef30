/**
 * The form of a whole data folder: in the table of tables, beside their names, where the build before forms passes over it. It says how
 * what is new in the folder is written; what is there is read by its shape.
 *
 *   1   as version 0.1 writes: a folder that may go back to it
 *   2   messages without what they repeat (lmdb-message.ts): a folder that this build has made, or a later one
 */
import type { RootDatabase } from 'lmdb'
import { isKnownForm } from '../contract/form.js'

export type FolderForm = 1 | 2
/** What a new folder gets, and the highest that this build reads. */
export const newestFolderForm: FolderForm = 2

/** A newer build has written the folder: the CLI ends with exit code 2. */
export class NewerDataError extends Error {
  constructor (readonly dir: string, readonly form: unknown) {
    super(`the data folder ${dir} has form ${JSON.stringify(form)}; this build reads forms up to ${newestFolderForm}`)
    this.name = 'NewerDataError'
  }
}

const formKey = 'form'

/** Throws NewerDataError. */
function readForm (root: RootDatabase, dir: string): FolderForm | undefined {
  const form: unknown = root.get(formKey)
  if (!isKnownForm(form, newestFolderForm)) throw new NewerDataError(dir, form)
  return form as FolderForm | undefined
}

/** Of a folder that another process has open. Throws NewerDataError, and where that one has not written it. */
export function folderFormOf (root: RootDatabase, dir: string): FolderForm {
  const form = readForm(root, dir)
  if (form === undefined) throw new Error(`the data folder ${dir} has no form yet`)
  return form
}

/** Throws NewerDataError. A folder without a form gets one: it is a new one, or of the build before forms, whose tables are there. */
export async function checkFolderForm (root: RootDatabase, dir: string, isNew: boolean): Promise<FolderForm> {
  const form = readForm(root, dir)
  if (form !== undefined) return form
  const first = isNew ? newestFolderForm : 1
  await root.put(formKey, first)
  return first
}

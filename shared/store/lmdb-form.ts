/** The form of a whole data folder: in the table of tables, beside their names, where the build before forms passes over it. */
import type { RootDatabase } from 'lmdb'
import { currentForm, isKnownForm } from '../contract/form.js'

/** A newer build has written the folder: the CLI ends with exit code 2. */
export class NewerDataError extends Error {
  constructor (readonly dir: string, readonly form: unknown) {
    super(`the data folder ${dir} has form ${JSON.stringify(form)}; this build reads forms up to ${currentForm}`)
    this.name = 'NewerDataError'
  }
}

const formKey = 'form'

/** Throws NewerDataError. A folder without a form gets one. */
export async function checkFolderForm (root: RootDatabase, dir: string): Promise<void> {
  const form: unknown = root.get(formKey)
  if (!isKnownForm(form)) throw new NewerDataError(dir, form)
  if (form === undefined) await root.put(formKey, currentForm)
}

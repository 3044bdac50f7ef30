/**
 * Forms: how what this build stores, and sends to another process, is written. Everything carries the number of its form;
 * where there is none it is of form 1 (the builds before forms were numbered wrote so). A reader that meets a form above those that
 * it knows refuses what has it and says which it was: it never guesses. Where each form is written: docs/architecture.md, "Forms".
 *
 * A later build brings a new form in two steps: one version reads both and goes on writing the old one; the version after it
 * writes the new one. So any two neighbouring versions run side by side. docs/adr/0019-forms.md
 */
import { GatepostError } from './errors.js'

/** The form that this build writes, and the highest that it reads. A data folder has forms of its own (shared/store/lmdb-form.ts). */
export const currentForm = 1

/** Something of a newer form, which a newer build can read: the same asked again is served once this process is upgraded, or elsewhere. */
export const newerForm = (what: string, form: unknown, upTo = currentForm): GatepostError =>
  new GatepostError('GP_STORE_UNAVAILABLE', `${what}: has form ${typeof form === 'string' ? form : JSON.stringify(form)}; this build reads forms up to ${upTo}. A newer build wrote it: upgrade this process too`)

/** `form` as it was read; absent = 1. */
export const isKnownForm = (form: unknown, upTo = currentForm): boolean => form === undefined || (typeof form === 'number' && form >= 1 && form <= upTo)

/** Throws GP_STORE_UNAVAILABLE. */
export function checkForm (what: string, form: unknown): void {
  if (!isKnownForm(form)) throw newerForm(what, form)
}

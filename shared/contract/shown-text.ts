/** Short texts and addresses that somebody else chose and a page shows: names of senders, labels of actions, links, pictures. */
import { isText } from './names.js'
import { TextThat } from './validate.js'

const maxLabelCodePoints = 128
const maxLinkCodePoints = 2_048

/** Something of it can be seen. */
export const isLabel = (value: unknown): value is string => isText(value, maxLabelCodePoints) && value.trim() !== ''

/**
 * An absolute http(s) address, or a path of the site that shows it: it begins with one `/`, since a browser takes what begins with
 * two of them, or with `/\`, for another host. So nothing that is followed runs as a script.
 */
export function isLink (value: unknown): value is string {
  if (!isText(value, maxLinkCodePoints)) return false
  return /^https?:\/\//i.test(value) ? URL.canParse(value) : /^\/(?![/\\])/.test(value)
}

export const Label = TextThat('text of 1 to 128 Unicode characters, none of them a control character', isLabel)
export const Link = TextThat('an http(s) address, or a path that begins with one "/"; at most 2,048 characters, none of them a control character', isLink)

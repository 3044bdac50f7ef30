/** Short texts and addresses that somebody else chose and a page shows: names of senders, labels of actions, links, pictures. */
import { isText } from './names.js'
import { TextThat } from './validate.js'

const maxLabelCodePoints = 128
const maxLinkCodePoints = 2_048
const visible = /\S/
/** A browser takes what begins with `//`, or with `/\`, for another host. */
const linkStart = /^(?:[Hh][Tt][Tt][Pp][Ss]?:\/\/|\/(?![/\\]))/

/** Something of it can be seen. */
export const isLabel = (value: unknown): value is string => isText(value, maxLabelCodePoints) && visible.test(value)

/** An absolute http(s) address, or a path of the site that shows it: nothing that is followed runs as a script. */
export const isLink = (value: unknown): value is string =>
  isText(value, maxLinkCodePoints) && linkStart.test(value) && (value.startsWith('/') || URL.canParse(value))

export const Label = TextThat('text of 1 to 128 Unicode characters, none of them a control character', isLabel, { pattern: visible.source })
export const Link = TextThat('an http(s) address, or a path that begins with one "/"; at most 2,048 characters, none of them a control character', isLink, { pattern: linkStart.source, maxLength: maxLinkCodePoints })

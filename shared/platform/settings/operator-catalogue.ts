/** The settings and flags of the commands that ask a running Gate. */
import { Type } from 'typebox'
import { isName, isUserName, nameTakes, userNameTakes } from '../../contract/names.js'
import { isAddress } from './addresses.js'
import { GATEPOST_DATA_DIR, GATEPOST_HOST, gatePort } from './catalogue.js'
import { tokenRules, tokenSecret } from './identity-settings.js'
import { duration, list, maxDurationMs, text, yesOrNo } from './setting.js'

const gate = Type.Optional(text({ description: 'The Gate to ask.', valueName: 'URL', defaultText: 'http://GATEPOST_HOST:GATEPOST_PORT', takes: 'an http or https address, such as https://mail.example.com', accepts: isAddress }))
const json = yesOrNo({ description: 'Prints the answer as JSON, a line each, instead of text.', default: false })
/** What all of them take. */
const operator = { '--gate': gate, '--json': json, GATEPOST_HOST, GATEPOST_PORT: gatePort, GATEPOST_SECRET: tokenSecret, GATEPOST_DATA_DIR }
const user = (description: string) => text({ description, valueName: 'NAME', defaultText: 'none; required', takes: userNameTakes, accepts: isUserName })

/** `user:ann`, `group:staff`, `topic:ehr:api` or `all`. */
const isTarget = (value: string): boolean => {
  const [, kind, name = ''] = /^(user|group|topic):(.*)$/s.exec(value) ?? []
  return value === 'all' || (kind === 'user' ? isUserName(name) : kind !== undefined && isName(name))
}
const isJson = (value: string): boolean => {
  try { JSON.parse(value); return true } catch { return false }
}

export const sendSchema = Type.Object({
  '--to': text({ description: 'Who gets it.', valueName: 'TARGET', defaultText: 'none; required', takes: 'user:NAME, group:NAME, topic:NAME or all', accepts: isTarget }),
  '--title': Type.Optional(text({ description: 'One line.', valueName: 'TEXT', defaultText: 'none', takes: 'a text' })),
  '--body': Type.Optional(text({ description: 'The text.', valueName: 'TEXT', defaultText: 'none', takes: 'a text' })),
  '--data': Type.Optional(text({ description: 'What a program reads.', valueName: 'JSON', defaultText: 'none', takes: 'JSON', accepts: isJson })),
  '--category': Type.Optional(text({ description: 'What it is counted under.', valueName: 'NAME', defaultText: 'general', takes: nameTakes, accepts: isName })),
  '--url': Type.Optional(text({ description: 'Where a click leads.', valueName: 'URL', defaultText: 'none', takes: 'an http(s) address, or a path that begins with one /' })),
  '--ttl': Type.Optional(duration({ description: 'How long it is kept.', valueName: 'DURATION', minimum: 1000, maximum: maxDurationMs, defaultText: 'GATEPOST_RETENTION of the nodes' })),
  '--volatile': yesOrNo({ description: 'For open sockets only; nothing is stored.', default: false }),
  '--key': Type.Optional(text({ description: 'The idempotency key: sent again under it, it is not stored again.', valueName: 'TEXT', defaultText: 'none', takes: 'a text of 1 to 256 characters', accepts: value => value.length <= 256 })),
  '--from': text({ description: 'The producer that it is from.', valueName: 'NAME', default: 'operator', takes: userNameTakes, accepts: isUserName }),
  ...operator
})

export const nodesSchema = Type.Object(operator)

export const drainSchema = Type.Object({
  '--node': text({ description: 'The node, as `gatepost nodes` lists it.', valueName: 'ID', defaultText: 'none; required', takes: nameTakes, accepts: isName }),
  '--undo': yesOrNo({ description: 'Puts a drained node back on the ring.', default: false }),
  '--wait': yesOrNo({ description: 'Ends when the node has no sockets left, or is up again.', default: false }),
  ...operator
})

export const userSchema = Type.Object({
  '--sub': user('The user.'),
  '--disconnect': yesOrNo({ description: "Closes all of the user's sockets.", default: false }),
  '--revoke': yesOrNo({ description: 'Refuses every token that the user has now, and closes the sockets.', default: false }),
  ...operator
})

export const tailSchema = Type.Object({
  '--sub': user('The user whose entries are shown.'),
  '--groups': Type.Optional(list(Type.Refine(Type.String(), isName), { description: 'Groups that the token names. It makes the user a member of them.', valueName: 'GROUPS', defaultText: 'none', maxItems: 1000, takes: 'names of groups, comma separated' })),
  '--topics': Type.Optional(list(Type.Refine(Type.String(), isName), { description: 'Topics that are subscribed to.', valueName: 'TOPICS', defaultText: 'none', maxItems: 100, takes: 'names of topics, comma separated' })),
  ...operator,
  ...tokenRules
})

export const adminLinkSchema = Type.Object({
  '--sub': text({ description: 'Whose name the audit log shows.', valueName: 'NAME', default: 'operator', takes: userNameTakes, accepts: isUserName }),
  '--ttl': duration({ description: 'How long it signs in. It must be opened within 15 minutes.', valueName: 'DURATION', minimum: 60_000, maximum: 86_400_000, default: 3_600_000 }),
  ...operator
})

/** Every setting that the environment may hold, and the settings and flags that each command takes. */
import { accessSync, constants } from 'node:fs'
import { Type } from 'typebox'
import { maxReceivers } from '../../contract/limits.js'
import { logLevels } from '../log-levels.js'
import { isName, isUserName, nameTakes, userNameTakes } from '../../contract/names.js'
import { isAddress, isHost, isOrigin, isUrl } from './addresses.js'
import { auth, benchSecret, GATEPOST_ORIGINS, GATEPOST_SECRET_ACCEPT, requiredSecret, tokenRules, tokenSecret, upSecret } from './identity-settings.js'
import { decimalNumber, duration, fileFormOf, infoOf, list, maxDurationMs, mayBeFile, oneOf, size, text, wholeNumber, yesOrNo } from './setting.js'

const dayMs = 86_400_000

// Several hosts with ports (a replica set) are no URL to the WHATWG parser.
const isMongodbUrl = (value: string): boolean =>
  /^mongodb(?:\+srv)?:\/\/(?:[^@/\s]+@)?[^@/?#,\s]+(?:,[^@/?#,\s]+)*(?:\/[^?#\s]*)?(?:\?[^#\s]*)?$/.test(value)

const isSubjectPrefix = (value: string): boolean =>
  value.length <= 64 && !value.startsWith('$') && value.split('.').every(token => /^[^\s*>\p{Cc}]+$/u.test(token))

function isReadableFile (path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false // the fault names the path
  }
}

export const GATEPOST_HOST = text({
  description: 'The address it listens on.', valueName: 'HOST', default: '127.0.0.1', takes: 'a host name or an IP address', accepts: isHost
})
const port = { description: 'The port it listens on; 0 = any free port.', valueName: 'PORT', minimum: 0, maximum: 65535 }
export const gatePort = wholeNumber({ ...port, default: 8080 })
const nodePort = Type.Optional(wholeNumber({ ...port, defaultText: 'the first free one from 9101' }))
const upPort = wholeNumber({ ...port, description: 'The one port of Gate and its nodes; 0 = any free port.', default: 8080 })

const GATEPOST_METRICS_PORT = Type.Optional(wholeNumber({
  ...port,
  description: 'Where it is set, /metrics, /livez, /readyz, the OpenAPI document and its page are served on this port only. Under `up` it is that of Gate, and its nodes have those after it. 0 = any free port.',
  defaultText: 'none: on the port of the service'
}))

const publicUrl = {
  description: 'The address that clients are given, where it is not the one it listens on (a proxy, a container): of a node, with or without a path; under `up` of all, without one, and its nodes are below it at /nodes/ID.',
  valueName: 'URL',
  defaultText: 'http://HOST:PORT'
}
const GATEPOST_PUBLIC_URL = Type.Optional(text({
  ...publicUrl,
  takes: 'an http or https address, such as https://mail.example.com/nodes/n1 or https://node1.example.com',
  accepts: isAddress
}))
const upPublicUrl = Type.Optional(text({ ...publicUrl, takes: 'an http or https address without a path, such as https://mail.example.com', accepts: isOrigin }))
const GATEPOST_NODE_ID = Type.Optional(text({
  description: "A node's name on the ring; no two nodes may have the same. Under `up` with several nodes, -1, -2 and so on is added.",
  valueName: 'ID',
  defaultText: 'random, kept while it runs',
  takes: nameTakes,
  accepts: isName
}))
const GATEPOST_NODE_WEIGHT = decimalNumber({
  description: "A node's share of the users, beside the others' weights.", valueName: 'WEIGHT', minimum: 0.01, maximum: 100, default: 1
})

const natsUrl = {
  description: 'NATS servers, comma separated (2.9 and up).',
  valueName: 'URLS',
  hasCredentials: true,
  takes: 'addresses of the form nats://HOST:PORT or tls://HOST:PORT, comma separated',
  accepts: (value: string) => value.split(',').every(one => isUrl(one.trim(), ['nats:', 'tls:']))
}
const requiredNatsUrl = text({ ...natsUrl, defaultText: 'none; required' })
const upNatsUrl = Type.Optional(text({ ...natsUrl, defaultText: 'none: dispatch within the process' }))
const GATEPOST_NATS_CREDS = Type.Optional(text({
  description: 'A credentials file for NATS.', valueName: 'FILE', defaultText: 'none', takes: 'the path of a file that can be read', accepts: isReadableFile
}))
const GATEPOST_NATS_PREFIX = text({
  description: 'The first token of every subject. One cluster, one prefix: those with another one do not see each other.',
  valueName: 'PREFIX',
  default: 'gatepost',
  takes: 'tokens separated by dots, at most 64 characters, without spaces, * or >, not beginning with $',
  accepts: isSubjectPrefix
})

const GATEPOST_BUS_UNSIGNED = oneOf(['accept', 'refuse'], {
  description: 'What is done about processes on NATS that do not sign what they announce and ask: those of version 0.1, and strangers. `accept` believes their announcements, and their questions while an upgrade is under way.',
  valueName: 'WHAT',
  default: 'accept'
})

const GATEPOST_DISPATCH = oneOf(['broadcast', 'interest'], { valueName: 'WHAT', default: 'broadcast', description: 'What a node hears of what the others store. `broadcast`: everything, and it drops what is not for its users. `interest`: what its users read; for sites of many nodes. While one node is not by interest, all are sent everything.' })

const mongodbUrl = {
  description: 'A mongos, a replica set or one server (MongoDB 4.4 and up); the database is the one in the URL, or `gatepost`.',
  valueName: 'URL',
  hasCredentials: true,
  takes: 'an address of the form mongodb://HOST:PORT/DATABASE or mongodb+srv://HOST/DATABASE',
  accepts: isMongodbUrl
}
const requiredMongodbUrl = text({ ...mongodbUrl, defaultText: 'none; required' })
const upMongodbUrl = Type.Optional(text({ ...mongodbUrl, defaultText: 'none: the embedded store' }))
export const GATEPOST_DATA_DIR = text({
  description: 'The folder of the embedded store, and of the secret that `up` makes. One process at a time may use it.',
  valueName: 'FOLDER',
  default: './data',
  takes: 'the path of a folder',
  accepts: value => !value.includes('\0')
})

/** More than one full transaction may need (shared/store/disk-room.ts). */
export const defaultDiskReserveBytes = 64 * 1024 ** 2
const GATEPOST_DISK_RESERVE = size({
  description: 'Embedded store: with less free on the file system of its folder writing is refused (503 GP_STORE_UNAVAILABLE), and reading goes on.', valueName: 'SIZE', minimum: 0, maximum: 1024 ** 4, default: defaultDiskReserveBytes
})

const demo = { description: 'Whether `POST /gate/login` hands a token to whoever asks, and the demo page is served, with which anyone can send as a backend and drain nodes. Not for a site that anyone can reach.' }
const GATEPOST_DEMO = yesOrNo({ ...demo, default: false })
const upDemo = Type.Optional(yesOrNo({ ...demo, description: `${demo.description} On by itself only where the host is a loopback address and neither GATEPOST_SECRET nor any GATEPOST_AUTH_* is set.`, defaultText: 'true for this machine alone and without a secret' }))

const GATEPOST_RETENTION = duration({
  description: 'How long a message is kept that sets no `ttl`.', valueName: 'DURATION', minimum: 1000, maximum: maxDurationMs, default: 30 * dayMs
})
const GATEPOST_DRAIN = decimalNumber({
  description: 'How long a drain takes: its sockets are handed over evenly within it.', valueName: 'SECONDS', unit: 'seconds', minimum: 0, maximum: 3600, default: 10
})
const GATEPOST_MAX_RECEIVERS = wholeNumber({
  description: 'How many receivers one message of a user may name; a producer\'s may name 1,000.', valueName: 'NUMBER', unit: 'receivers', minimum: 1, maximum: maxReceivers, default: 50
})
const GATEPOST_MAX_TTL = Type.Optional(duration({
  description: 'The longest `ttl` that a user may choose; a producer may choose ten years.', valueName: 'DURATION', minimum: 1000, maximum: maxDurationMs, defaultText: 'GATEPOST_RETENTION'
}))
const rate = { valueName: 'NUMBER', maximum: 1_000_000_000 }
const GATEPOST_RATE_USER = wholeNumber({
  ...rate,
  description: 'What each user may cause over all nodes: receivers of messages, marks, lists and what else docs/protocol.md prices; above it, 429 GP_RATE_LIMIT. 0 = no limit.',
  unit: 'receivers, marks and lists a minute',
  minimum: 0,
  default: 600
})
const GATEPOST_RATE_PRODUCER = Type.Optional(wholeNumber({ ...rate, description: 'What each producer may send over all Gates; above it, 429 GP_RATE_LIMIT.', unit: 'messages a minute', minimum: 1, defaultText: 'none' }))
const GATEPOST_SOCKETS_PER_USER = wholeNumber({
  description: 'How many sockets of one user are kept open, over all nodes; a further one is refused with GP_RATE_LIMIT.', valueName: 'NUMBER', unit: 'sockets', minimum: 1, maximum: 100_000, default: 50
})
const GATEPOST_CACHE_MB = wholeNumber({
  description: 'How much memory each process takes for what its nodes keep of the store to read less, in equal parts: ends of streams, states of users, unread counts. By estimates, and beside what sockets need.',
  valueName: 'NUMBER', unit: 'MB', minimum: 8, maximum: 65_536, default: 64
})
const ofNodes = { GATEPOST_RETENTION, GATEPOST_DRAIN, GATEPOST_MAX_RECEIVERS, GATEPOST_MAX_TTL, GATEPOST_RATE_USER, GATEPOST_SOCKETS_PER_USER, GATEPOST_CACHE_MB }
const logLevel = { description: 'The least that is logged: JSON lines on stdout, pretty on a terminal.', valueName: 'LEVEL' }
const GATEPOST_LOG_LEVEL = oneOf(logLevels, { ...logLevel, default: 'info' })
const upLogLevel = Type.Optional(oneOf(logLevels, { ...logLevel, defaultText: 'info; on a terminal warn' }))

const GATEPOST_PROCESSES = Type.Optional(wholeNumber({
  description: 'How many processes share the work, each with a Gate and at least one node, on the one port. A further one keeps the embedded store. 1 = all in one process. By default one core is left for that one, where it keeps the store or the bus; there are no more than `--nodes` asks for, than memory has 512 MiB for, and on Windows 1.',
  valueName: 'N', minimum: 1, maximum: 64, defaultText: 'the cores less 1, at least 1'
}))

export const upSchema = Type.Object({
  '--nodes': Type.Optional(wholeNumber({ description: 'How many Notifications nodes run; by default 2, or one for each process where those are more.', valueName: 'N', minimum: 1, maximum: 64, defaultText: '2' })),
  GATEPOST_PROCESSES,
  GATEPOST_HOST,
  GATEPOST_PORT: upPort,
  GATEPOST_METRICS_PORT,
  GATEPOST_PUBLIC_URL: upPublicUrl,
  GATEPOST_NODE_ID,
  GATEPOST_NODE_WEIGHT,
  GATEPOST_SECRET: upSecret,
  GATEPOST_SECRET_ACCEPT,
  ...auth,
  GATEPOST_ORIGINS,
  GATEPOST_NATS_URL: upNatsUrl,
  GATEPOST_NATS_CREDS,
  GATEPOST_NATS_PREFIX,
  GATEPOST_BUS_UNSIGNED,
  GATEPOST_DISPATCH,
  GATEPOST_MONGODB_URL: upMongodbUrl,
  GATEPOST_DATA_DIR,
  GATEPOST_DISK_RESERVE,
  GATEPOST_DEMO: upDemo,
  ...ofNodes,
  GATEPOST_RATE_PRODUCER,
  GATEPOST_LOG_LEVEL: upLogLevel
})

export const gateSchema = Type.Object({
  GATEPOST_HOST,
  GATEPOST_PORT: gatePort,
  GATEPOST_METRICS_PORT,
  GATEPOST_SECRET: requiredSecret,
  GATEPOST_SECRET_ACCEPT,
  ...auth,
  GATEPOST_ORIGINS,
  GATEPOST_NATS_URL: requiredNatsUrl,
  GATEPOST_NATS_CREDS,
  GATEPOST_NATS_PREFIX,
  GATEPOST_BUS_UNSIGNED,
  GATEPOST_DEMO,
  GATEPOST_RATE_PRODUCER,
  GATEPOST_DRAIN,
  GATEPOST_LOG_LEVEL
})

export const nodeSchema = Type.Object({
  GATEPOST_HOST,
  GATEPOST_PORT: nodePort,
  GATEPOST_METRICS_PORT,
  GATEPOST_PUBLIC_URL,
  GATEPOST_NODE_ID,
  GATEPOST_NODE_WEIGHT,
  GATEPOST_SECRET: requiredSecret,
  GATEPOST_SECRET_ACCEPT,
  ...auth,
  GATEPOST_ORIGINS,
  GATEPOST_NATS_URL: requiredNatsUrl,
  GATEPOST_NATS_CREDS,
  GATEPOST_NATS_PREFIX,
  GATEPOST_BUS_UNSIGNED,
  GATEPOST_DISPATCH,
  GATEPOST_MONGODB_URL: requiredMongodbUrl,
  GATEPOST_DEMO,
  ...ofNodes,
  GATEPOST_LOG_LEVEL
})

export const tokenSchema = Type.Object({
  '--sub': text({ description: 'Whose token: the user, producer or admin.', valueName: 'NAME', defaultText: 'none; required', takes: userNameTakes, accepts: isUserName }),
  '--scope': list(Type.Enum(['user', 'producer', 'admin']), { description: 'What it may do.', valueName: 'SCOPES', default: ['user'], maxItems: 3, takes: 'user, producer or admin; several are comma separated' }),
  '--groups': Type.Optional(list(Type.Refine(Type.String(), isName), { description: 'Groups that it makes its user a member of.', valueName: 'GROUPS', defaultText: 'none', maxItems: 1000, takes: 'names of groups, comma separated' })),
  '--ttl': duration({ description: 'How long it is valid.', valueName: 'DURATION', minimum: 1000, maximum: maxDurationMs, default: 3_600_000 }),
  GATEPOST_SECRET: tokenSecret,
  ...tokenRules,
  GATEPOST_DATA_DIR
})

const minute = 60_000
export const benchTargets = ['user', 'group', 'all'] as const
export const benchWays = ['rest', 'batch', 'socket'] as const

export const benchSchema = Type.Object({
  '--gate': Type.Optional(text({ description: 'The Gate to load.', valueName: 'URL', defaultText: 'none: it starts its own', takes: 'an http or https address without a path, such as https://gate.example.com', accepts: isOrigin })),
  '--nodes': wholeNumber({ description: 'How many nodes run where it starts its own.', valueName: 'N', minimum: 1, maximum: 64, default: 2 }),
  '--clients': wholeNumber({ description: 'How many users, each with one socket.', valueName: 'N', minimum: 1, maximum: 100_000, default: 100 }),
  '--connect-rate': wholeNumber({ description: 'How many sockets are opened a second, at most.', valueName: 'NUMBER', unit: 'sockets a second', minimum: 1, maximum: 10_000, default: 500 }),
  '--rate': wholeNumber({ description: 'How many messages are sent a second; 0 = as fast as they are taken.', valueName: 'NUMBER', unit: 'messages a second', minimum: 0, maximum: 1_000_000, default: 1_000 }),
  '--duration': duration({ description: 'How long it sends.', valueName: 'DURATION', minimum: 1_000, maximum: 10 * minute, default: 10_000 }),
  '--to': oneOf(benchTargets, { description: 'To whom: one user each, a group that every client is in, or all.', valueName: 'TARGET', default: 'user' }),
  '--via': oneOf(benchWays, { description: 'How messages are sent: one request each, arrays of them, or the event `send` of a socket.', valueName: 'WAY', default: 'rest' }),
  '--batch': wholeNumber({ description: 'How many messages one array has.', valueName: 'N', minimum: 1, maximum: 1_000, default: 64 }),
  '--in-flight': wholeNumber({ description: 'How many requests wait for their answer at most.', valueName: 'N', minimum: 1, maximum: 10_000, default: 64 }),
  '--body-bytes': wholeNumber({ description: "The length of a message's text.", valueName: 'N', unit: 'bytes', minimum: 1, maximum: 32_768, default: 160 }),
  '--tokens': Type.Optional(text({ description: 'A file of tokens, one a line: of users, and of a producer where batches or messages to all are sent. For a group, the tokens of the users name it.', valueName: 'FILE', defaultText: 'none: it signs them with GATEPOST_SECRET', takes: 'the path of a file that can be read', accepts: isReadableFile })),
  '--group': text({ description: 'The group that is sent to where the tokens are given.', valueName: 'NAME', default: 'bench', takes: nameTakes, accepts: isName }),
  '--server-pids': Type.Optional(list(Type.String({ pattern: '^[1-9][0-9]{0,9}$' }), { description: 'Processes on this machine whose CPU time is counted.', valueName: 'PIDS', defaultText: 'those that it starts', maxItems: 100, takes: 'process ids, comma separated' })),
  '--json': yesOrNo({ description: 'Prints the result as one JSON object instead of a table.', default: false }),
  GATEPOST_SECRET: benchSecret
})

export const migrateSchema = Type.Object({
  '--from': Type.Optional(text({ description: 'The data folder that is carried over. Nothing may be using it.', valueName: 'DIR', defaultText: 'GATEPOST_DATA_DIR', takes: 'the path of a folder with a store of `gatepost up`', accepts: value => !value.includes('\0') })),
  '--to': Type.Optional(text({ ...mongodbUrl, description: 'The MongoDB that it is carried into: a mongos, a replica set or one server. The database is the one in the URL, or `gatepost`; it holds no other store.', defaultText: 'GATEPOST_MONGODB_URL' })),
  '--dry-run': yesOrNo({ description: 'Looks at both, says what would be carried, and changes nothing.', default: false }),
  '--verify-only': yesOrNo({ description: 'Carries nothing: compares the two, document by document. Once a node has served from MongoDB they differ.', default: false }),
  GATEPOST_MONGODB_URL: upMongodbUrl,
  GATEPOST_DATA_DIR
})

/** All that the environment may hold, nothing required: what is missing is for the checks to say. */
export const doctorSchema = Type.Object({
  GATEPOST_PROCESSES,
  GATEPOST_HOST,
  GATEPOST_PORT: nodePort,
  GATEPOST_METRICS_PORT,
  GATEPOST_PUBLIC_URL,
  GATEPOST_NODE_ID,
  GATEPOST_NODE_WEIGHT,
  GATEPOST_SECRET: tokenSecret,
  GATEPOST_SECRET_ACCEPT,
  ...auth,
  GATEPOST_ORIGINS,
  GATEPOST_NATS_URL: upNatsUrl,
  GATEPOST_NATS_CREDS,
  GATEPOST_NATS_PREFIX,
  GATEPOST_BUS_UNSIGNED,
  GATEPOST_DISPATCH,
  GATEPOST_MONGODB_URL: upMongodbUrl,
  GATEPOST_DATA_DIR,
  GATEPOST_DISK_RESERVE,
  GATEPOST_DEMO: upDemo,
  ...ofNodes,
  GATEPOST_RATE_PRODUCER,
  GATEPOST_LOG_LEVEL
})

/** The names of section "settings" of the reference, in its order, each with that of its file where it has one. */
export const environmentNames: readonly string[] = Object.entries(doctorSchema.properties)
  .flatMap(([name, property]) => mayBeFile(name, infoOf(property)) ? [name, fileFormOf(name)] : [name])

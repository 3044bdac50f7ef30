import { generateKeyPairSync, randomBytes, randomUUID, type KeyObject } from 'node:crypto'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { benchSchema, doctorSchema, environmentNames, gateSchema, migrateSchema, nodeSchema, tokenSchema, upSchema } from '../../shared/platform/settings/catalogue.js'
import { adminLinkSchema, drainSchema, nodesSchema, sendSchema, tailSchema, userSchema } from '../../shared/platform/settings/operator-catalogue.js'
import { readDoctorSettings, readGateSettings, readNodeSettings, readTokenSettings, readUpSettings } from '../../shared/platform/settings/config.js'
import { faultLine, SettingsError } from '../../shared/platform/settings/fault.js'
import { redacted, secretsOf } from '../../shared/platform/settings/redacted.js'
import { keepSecret, readKeptSecret } from '../../shared/platform/settings/secret-file.js'
import { secretFlaw } from '../../shared/platform/settings/secret-quality.js'
import { noRules } from '../../shared/platform/settings/settings.js'
import { formatSize, parseSizeBytes } from '../../shared/platform/settings/size.js'

const secret = 'a secret of more than thirty-two bytes'
const nowhere = '/nonexistent'
type Env = Record<string, string>
const forGate: Env = { GATEPOST_SECRET: secret, GATEPOST_NATS_URL: 'nats://127.0.0.1:4222' }
const forNode: Env = { ...forGate, GATEPOST_MONGODB_URL: 'mongodb://127.0.0.1/gatepost' }

const up = (env: Env = {}, argv: string[] = [], cwd = nowhere) => readUpSettings(argv, { env, cwd })
const gate = (env: Env = forGate, argv: string[] = [], cwd = nowhere) => readGateSettings(argv, { env, cwd })
const node = (env: Env = forNode, argv: string[] = [], cwd = nowhere) => readNodeSettings(argv, { env, cwd })

/** The lines that a start would end with. */
function faults (read: () => unknown): string[] {
  try {
    read()
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.map(faultLine)
    throw error
  }
  return []
}

t.test('settings - up needs nothing: the defaults of the contract', async t => {
  t.strictSame(up(), {
    nodes: undefined,
    processes: undefined,
    host: '127.0.0.1',
    port: 8080,
    metricsPort: undefined,
    origins: ['*'],
    publicUrl: undefined,
    nodeId: undefined,
    nodeWeight: 1,
    secret: undefined,
    acceptSecrets: [],
    auth: undefined,
    rules: noRules,
    natsUrl: undefined,
    natsCreds: undefined,
    natsPrefix: 'gatepost', busUnsigned: 'accept', dispatchMode: 'broadcast',
    mongodbUrl: undefined,
    dataDir: '/nonexistent/data',
    diskReserveBytes: 64 * 1024 ** 2,
    isDemo: true,
    retentionMs: 30 * 86_400_000,
    cacheBytes: 64 * 1_048_576,
    drainMs: 10_000,
    userLimits: { perMinute: 600, maxReceivers: 50, maxTtlMs: 30 * 86_400_000, maxSockets: 50 },
    rateProducerPerMinute: undefined,
    logLevel: undefined
  })
})

t.test('settings - a gate and a node need what they share, and name all that is missing', async t => {
  t.match(faults(() => gate({})), [/^GATEPOST_SECRET: got nothing; takes .*32 bytes/, /^GATEPOST_NATS_URL: got nothing; takes .*nats:/])
  t.strictSame(faults(() => node({})).map(line => line.split(':')[0]), ['GATEPOST_SECRET', 'GATEPOST_NATS_URL', 'GATEPOST_MONGODB_URL'])
  t.equal(gate().port, 8080)
  t.equal(node().port, undefined, 'the first free one')
  t.equal(gate().isDemo, false)
})

t.test('settings - a flag wins over the environment, the environment over .env', async t => {
  const dir = t.testdir({ '.env': `GATEPOST_PORT=1\nGATEPOST_HOST=10.0.0.1\nexport GATEPOST_NATS_PREFIX="from file" # quoted\nGATEPOST_SECRET=${secret}\nOTHER=x\n` })
  t.match(faults(() => up({}, [], dir)), [/^GATEPOST_NATS_PREFIX \(in \.env\): got "from file"/])
  writeFileSync(join(dir, '.env'), `\uFEFFGATEPOST_PORT=1\nGATEPOST_HOST=10.0.0.1\nGATEPOST_NODE_WEIGHT=2\nGATEPOST_SECRET='${secret}'\n`)
  const settings = up({ GATEPOST_PORT: '2', GATEPOST_HOST: '10.0.0.2' }, ['--port', '3'], dir)
  t.match(settings, { port: 3, host: '10.0.0.2', nodeWeight: 2, secret, isDemo: false })
  t.equal(up({}, ['--port=4'], dir).port, 4)
  t.equal(up({}, ['--port', '4', '--port=5'], dir).port, 5, 'the last of a flag')
})

t.test('settings - a .env that cannot be read is a fault', async t => {
  const dir = t.testdir({ '.env': {} })
  t.match(faults(() => up({}, [], dir)), [/^\.env: got a file that cannot be read \(EISDIR\)/])
})

t.test('settings - all faults are reported together, one line each', async t => {
  const lines = faults(() => gate({ ...forGate, GATEPOST_PORT: '5x', GATEPOST_DEMO: 'perhaps', GATEPOST_LOG_LEVEL: 'loud\nline', GATEPOST_HOST: '' }, ['--drain', '-1']))
  t.strictSame(lines, [
    'GATEPOST_HOST: got an empty text; takes a host name or an IP address',
    'GATEPOST_PORT: got "5x"; takes a whole number from 0 to 65535',
    'GATEPOST_DEMO: got "perhaps"; takes true or false (also 1, 0, yes, no, on, off)',
    'GATEPOST_DRAIN (--drain): got "-1"; takes a number from 0 to 3600',
    'GATEPOST_LOG_LEVEL: got "loud\\nline"; takes one of fatal, error, warn, info, debug, trace, silent'
  ])
})

t.test('settings - numbers are taken as they stand or not at all', async t => {
  for (const port of ['0', '1', '65535']) t.equal(gate({ ...forGate, GATEPOST_PORT: port }).port, Number(port))
  for (const port of ['65536', '-1', '80.5', '0x50', '1e3', ' 80', '80 ', 'NaN', '']) {
    t.match(faults(() => gate({ ...forGate, GATEPOST_PORT: port })), [/^GATEPOST_PORT: got /], JSON.stringify(port))
  }
  t.equal(gate({ ...forGate, GATEPOST_DRAIN: '0.5' }).drainMs, 500)
  t.equal(node({ ...forNode, GATEPOST_NODE_WEIGHT: '0.5' }).nodeWeight, 0.5)
  t.match(faults(() => node({ ...forNode, GATEPOST_NODE_WEIGHT: '0' })), [/^GATEPOST_NODE_WEIGHT: got "0"/])
  t.same(node(forNode).userLimits, { perMinute: 600, maxReceivers: 50, maxTtlMs: 30 * 86_400_000, maxSockets: 50 })
  t.same(node({ ...forNode, GATEPOST_RATE_USER: '0', GATEPOST_MAX_RECEIVERS: '7', GATEPOST_RETENTION: '2d', GATEPOST_SOCKETS_PER_USER: '3' }).userLimits, { perMinute: undefined, maxReceivers: 7, maxTtlMs: 2 * 86_400_000, maxSockets: 3 })
  t.equal(node({ ...forNode, GATEPOST_RETENTION: '2d', GATEPOST_MAX_TTL: '9d' }).userLimits.maxTtlMs, 9 * 86_400_000)
  t.match(faults(() => node({ ...forNode, GATEPOST_RATE_USER: '-1' })), [/^GATEPOST_RATE_USER: got "-1"/])
  t.match(faults(() => node({ ...forNode, GATEPOST_MAX_RECEIVERS: '1001' })), [/^GATEPOST_MAX_RECEIVERS: got "1001"/])
})

t.test('settings - sizes are bytes, or have a unit', async t => {
  for (const [text, bytes] of [['0', 0], ['67108864', 67_108_864], ['64MiB', 67_108_864], ['64 mib', 67_108_864], ['1GB', 1_000_000_000], ['512kb', 512_000], ['3B', 3], ['1TiB', 1024 ** 4]] as const) t.equal(parseSizeBytes(text), bytes, text)
  for (const text of ['', '-1', '1.5MiB', '64M', 'MiB', '1PB', '1 0', '64 MiB ']) t.equal(parseSizeBytes(text), undefined, text)
  for (const [bytes, text] of [[0, '0'], [1000, '1000'], [1024, '1KiB'], [67_108_864, '64MiB'], [1024 ** 4, '1TiB']] as const) t.equal(formatSize(bytes), text)
})

t.test('settings - durations have a unit', async t => {
  const retention = (text: string): number => up({ GATEPOST_RETENTION: text }).retentionMs
  t.equal(retention('90s'), 90_000)
  t.equal(retention('15m'), 900_000)
  t.equal(retention('1h'), 3_600_000)
  t.equal(retention('2w'), 14 * 86_400_000)
  t.equal(retention('3650d'), 315_360_000_000)
  for (const text of ['30', '0d', '3651d', '-1d', '1.5h', '1h30m', 'd', '1y', '1 d']) t.match(faults(() => retention(text)), [/^GATEPOST_RETENTION: got .* such as 90s, 12h or 30d/], text)
})

t.test('settings - yes and no in the usual spellings, a flag alone is yes', async t => {
  for (const text of ['true', '1', 'YES', 'on']) t.equal(gate({ ...forGate, GATEPOST_DEMO: text }).isDemo, true, text)
  for (const text of ['false', '0', 'no', 'Off']) t.equal(up({ GATEPOST_DEMO: text }).isDemo, false, text)
  t.equal(gate(forGate, ['--demo', '--port', '1']).isDemo, true)
  t.equal(gate(forGate, ['--demo', 'false', '--port', '1']).isDemo, false)
  t.equal(up({ GATEPOST_SECRET: secret }).isDemo, false)
  t.equal(up({ GATEPOST_SECRET: secret }, ['--demo']).isDemo, true)
})

t.test('settings - unknown names are faults with the nearest known one; those of other commands and of tests are not', async t => {
  t.match(faults(() => gate({ ...forGate, GATEPOST_PROT: '8080' })), [/^GATEPOST_PROT: got a name that is unknown; takes .*\(GATEPOST_PORT\?\)/])
  t.match(faults(() => gate({ ...forGate, GATEPOST_ZZZZZZZZZZZZ: '1' })), [/^GATEPOST_ZZZZZZZZZZZZ: got a name that is unknown; takes a setting that is listed by --help$/])
  t.strictSame(faults(() => gate({ ...forGate, GATEPOST_TEST_ANYTHING: 'x', GATEPOST_MONGODB_URL: 'of the nodes', GATEPOST_DATA_DIR: '' })), [])
  t.match(faults(() => gate(forGate, ['--mongodb-url', 'mongodb://x', '--port', '1'])), [/^--mongodb-url: got a name that is unknown/])
  t.match(faults(() => gate(forGate, ['--Port=1'])), [/^--Port: .*\(--port\?\)/])
  t.match(faults(() => gate(forGate, ['8080', '-p', '--'])), [/^"8080": got a word that is no flag/, /^"-p": /, /^"--": /])
  t.match(faults(() => gate(forGate, ['--port'])), [/^GATEPOST_PORT \(--port\): got nothing; takes/])
  t.match(faults(() => gate(forGate, ['--host', '--port', '1'])), [/^GATEPOST_HOST \(--host\): got nothing; takes/])
})

t.test('settings - one environment serves all commands: each setting of any of them is known to every other', async t => {
  const schemas = { upSchema, gateSchema, nodeSchema, tokenSchema, benchSchema, migrateSchema, doctorSchema, sendSchema, tailSchema, userSchema, nodesSchema, drainSchema, adminLinkSchema }
  for (const [name, schema] of Object.entries(schemas)) {
    const settings = Object.keys(schema.properties).filter(one => one.startsWith('GATEPOST_'))
    t.strictSame(settings.filter(one => !environmentNames.includes(one)), [], name)
  }
  const { settings, faults } = readDoctorSettings([], { env: { GATEPOST_PROCESSES: '3' }, cwd: nowhere })
  t.match({ settings, faults }, { settings: { processes: 3 }, faults: [] })
  t.match(readDoctorSettings([], { env: { GATEPOST_PROCESSES: '0' }, cwd: nowhere }).faults.map(faultLine), [/^GATEPOST_PROCESSES: got "0"; takes a whole number from 1 to 64/])
})

t.test('settings - what Kubernetes adds for Services named gatepost... is passed over', async t => {
  const links: Env = {}
  for (const service of ['GATEPOST', 'GATEPOST_GATE', 'GATEPOST_METRICS', 'GATEPOST_NODE_0']) {
    Object.assign(links, {
      [`${service}_SERVICE_HOST`]: '10.96.0.10',
      [`${service}_SERVICE_PORT`]: '8080',
      [`${service}_SERVICE_PORT_HTTP`]: '8080',
      [`${service}_PORT`]: 'tcp://10.96.0.10:8080',
      [`${service}_PORT_8080_TCP`]: 'tcp://10.96.0.10:8080',
      [`${service}_PORT_8080_TCP_PROTO`]: 'tcp',
      [`${service}_PORT_8080_TCP_PORT`]: '8080',
      [`${service}_PORT_8080_TCP_ADDR`]: '10.96.0.10'
    })
  }
  t.strictSame(gate({ ...forGate, ...links }), gate())
  t.equal(gate({ ...forGate, ...links }, ['--port', '7000']).port, 7000, 'a flag still says the port')
  t.match(faults(() => gate({ ...forGate, GATEPOST_GATE_PORT: '8080' })), [/^GATEPOST_GATE_PORT: got a name that is unknown/], 'a port that is none of theirs is still a slip')
  t.match(faults(() => gate({ ...forGate, GATEPOST_PORT: 'http://10.96.0.10' })), [/^GATEPOST_PORT: /])
})

t.test('settings - secrets and passwords never show in a fault', async t => {
  const lines = faults(() => gate({
    GATEPOST_SECRET: 'tooshort!',
    GATEPOST_NATS_URL: 'http://joe:pass,word@nats:4222',
    GATEPOST_AUTH_SECRET: 'alsoshort',
    GATEPOST_SECRET_: 'misspelled'
  }))
  t.equal(lines.length, 4)
  t.notMatch(lines.join('\n'), /tooshort|alsoshort|misspelled|joe|pass|word@/)
  t.match(lines.join('\n'), 'GATEPOST_SECRET: got another text of 9 bytes; takes a text of at least 32 bytes')
  t.match(lines.join('\n'), 'GATEPOST_NATS_URL: got "http://***@nats:4222"')
  t.match(faults(() => node({ ...forNode, GATEPOST_MONGODB_URL: 'mongo://u:hunter2@db' })), [/^GATEPOST_MONGODB_URL: got "mongo:\/\/\*\*\*@db"/])
})

t.test('settings - a secret is 32 bytes, not characters', async t => {
  t.equal(gate({ ...forGate, GATEPOST_SECRET: 'é1ñ2ß3ø4æ5å6ü7ö8ä9ï0ç+' }).secret.length, 22)
  t.equal(faults(() => gate({ ...forGate, GATEPOST_SECRET: randomBytes(15).toString('hex') })).length, 1)
})

t.test('settings - placeholders and secrets of little variety are refused, wherever a secret is taken', async t => {
  const placeholder = 'put-the-output-of-openssl-rand-hex-32-here'
  const weak = [placeholder, 'change-me-change-me-please-change-me-1', 'your-256-bit-secret-goes-here-1234567', 'replace_me_0123456789abcdefghijklmnop', 'a'.repeat(32), 'ab'.repeat(20), 'abcdefgh'.repeat(4), 'password1'.repeat(4), '0123456789abcdef'.repeat(4), `${'a'.repeat(40)}bcdefg`, 'aaaaaaaabbbbbbbbccccccccdddddddd']
  for (const text of weak) {
    for (const name of ['GATEPOST_SECRET', 'GATEPOST_AUTH_SECRET', 'GATEPOST_SECRET_ACCEPT']) {
      const lines = faults(() => gate({ ...forGate, [name]: text }))
      t.match(lines, [/^GATEPOST_\w+: got (a placeholder|a text) of \d+ bytes.*; takes .*a text of at least 32 bytes that nobody can guess/], `${name} ${text}`)
      t.notOk(lines.join().includes(text))
    }
  }
  t.match(faults(() => gate({ ...forGate, GATEPOST_SECRET_ACCEPT: `${secret}, ${placeholder}` })), [/^GATEPOST_SECRET_ACCEPT: got a placeholder/])
  for (let i = 0; i < 200; i++) for (const good of [randomBytes(16).toString('hex'), randomBytes(24).toString('base64'), randomUUID()]) t.equal(secretFlaw(good), undefined, good)
  for (const good of [secret, 'another secret of thirty-two bytes or more', 'correct horse battery staple and so on', '49712345602987134650981237465012']) t.equal(secretFlaw(good), undefined, good)
})

t.test('settings - what must not be seen may lie in a file', async t => {
  const dir = t.testdir({ secret: `${secret}\n`, crlf: `${secret}\r\n`, two: `${secret}\n\n`, weak: 'aaaa', nats: 'nats://joe:pw@nats\n', accept: 'one more secret of thirty-two bytes, not this' })
  const { GATEPOST_SECRET: _, ...without } = forGate
  for (const file of [join(dir, 'secret'), './crlf']) t.equal(gate({ ...without, GATEPOST_SECRET_FILE: file }, [], dir).secret, secret)
  t.equal(gate({ ...without, GATEPOST_SECRET_FILE: 'two' }, [], dir).secret, `${secret}\n`, 'one newline is not part of it')
  t.equal(gate(without, ['--secret-file', 'secret'], dir).secret, secret)
  t.equal(gate({ ...forGate, GATEPOST_NATS_URL: undefined, GATEPOST_NATS_URL_FILE: 'nats' } as never, [], dir).natsUrl, 'nats://joe:pw@nats')
  t.equal(up({ GATEPOST_SECRET_FILE: 'secret' }, [], dir).isDemo, false)
  t.match(faults(() => gate({ ...forGate, GATEPOST_SECRET_FILE: 'secret' }, [], dir)), [/^GATEPOST_SECRET_FILE: got a file beside GATEPOST_SECRET; takes one of the two$/])
  t.match(faults(() => gate({ ...without, GATEPOST_SECRET_FILE: 'none' }, [], dir)), [/^GATEPOST_SECRET_FILE: got "none", which cannot be read \(ENOENT\); takes the path of a file that holds GATEPOST_SECRET$/])
  t.match(faults(() => gate({ ...without, GATEPOST_SECRET_FILE: 'weak' }, [], dir)), [/^GATEPOST_SECRET_FILE: got another text of 4 bytes; takes a text of at least 32 bytes/])
  t.match(faults(() => gate({ ...forGate, GATEPOST_PORT_FILE: 'x' }, [], dir)), [/^GATEPOST_PORT_FILE: got a name that is unknown/])
  t.strictSame(faults(() => gate({ ...forGate, GATEPOST_MONGODB_URL_FILE: 'of the nodes' }, [], dir)), [])
})

t.test('settings - the demo is on by itself only where nobody else reaches it and no key is set', async t => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost', '::ffff:127.0.0.1']) t.equal(up({ GATEPOST_HOST: host }).isDemo, true, host)
  for (const host of ['0.0.0.0', '::', '192.168.1.2', 'gate.example.com', 'localhost.example.com', '::ffff:10.0.0.1']) {
    t.equal(up({ GATEPOST_HOST: host }).isDemo, false, host)
    t.equal(up({ GATEPOST_HOST: host, GATEPOST_DEMO: 'true' }).isDemo, true, `${host}, asked for`)
  }
  for (const settings of [{ GATEPOST_SECRET: secret }, { GATEPOST_AUTH_SECRET: secret }, { GATEPOST_AUTH_JWKS_URL: 'https://id.example/jwks' }, { GATEPOST_AUTH_AUDIENCE: 'app' }, { GATEPOST_AUTH_GROUPS: 'replace' }]) {
    t.equal(up(settings).isDemo, false, Object.keys(settings).join())
    t.equal(up({ ...settings, GATEPOST_DEMO: 'yes' }).isDemo, true)
  }
})

t.test("settings - what a user's token must carry, and origins", async t => {
  const { auth: { rules }, origins, acceptSecrets } = gate({
    ...forGate,
    GATEPOST_AUTH_AUDIENCE: 'app, https://api.example',
    GATEPOST_AUTH_ISSUER: 'https://id.example/',
    GATEPOST_AUTH_TYP: 'JWT,application/AT+JWT',
    GATEPOST_AUTH_GROUPS_CLAIM: 'none',
    GATEPOST_AUTH_GROUPS: 'replace',
    GATEPOST_ORIGINS: 'https://www.example.com/, http://localhost:3000',
    GATEPOST_SECRET_ACCEPT: 'one more secret of thirty-two bytes or more'
  })
  t.strictSame(rules, { audiences: ['app', 'https://api.example'], issuers: ['https://id.example/'], types: ['jwt', 'at+jwt'], groupsClaim: undefined, groups: 'replace' })
  t.strictSame(origins, ['https://www.example.com', 'http://localhost:3000'])
  t.strictSame(acceptSecrets, ['one more secret of thirty-two bytes or more'])
  for (const [name, value] of Object.entries({ GATEPOST_AUTH_AUDIENCE: 'a,,b', GATEPOST_AUTH_ISSUER: '', GATEPOST_AUTH_GROUPS: 'merge', GATEPOST_AUTH_GROUPS_CLAIM: '', GATEPOST_ORIGINS: 'www.example.com', GATEPOST_SECRET_ACCEPT: 'short' })) {
    t.match(faults(() => gate({ ...forGate, [name]: value })), [new RegExp(`^${name}: got `)], name)
  }
})

t.test('settings - addresses are checked by protocol', async t => {
  for (const url of ['nats://a', 'tls://a:4222', 'nats://u:p@a:1,nats://b:2', 'nats://a, nats://b']) t.strictSame(faults(() => gate({ ...forGate, GATEPOST_NATS_URL: url })), [], url)
  t.equal(gate({ ...forGate, GATEPOST_NATS_URL: 'nats://a, nats://b' }).natsUrl, 'nats://a,nats://b')
  for (const url of ['http://a', 'a:4222', 'nats://', 'nats://a,', 'nats://a:99999']) t.equal(faults(() => gate({ ...forGate, GATEPOST_NATS_URL: url })).length, 1, url)

  for (const url of ['mongodb://a', 'mongodb://u:p%40@a:1,b:2/db?replicaSet=r', 'mongodb+srv://a.example/db']) t.strictSame(faults(() => node({ ...forNode, GATEPOST_MONGODB_URL: url })), [], url)
  for (const url of ['mongodb:/a', 'http://a', 'mongodb://', 'mongodb://a b']) t.equal(faults(() => node({ ...forNode, GATEPOST_MONGODB_URL: url })).length, 1, url)

  t.equal(node({ ...forNode, GATEPOST_PUBLIC_URL: 'https://Node1.example.com/' }).publicUrl, 'https://node1.example.com')
  t.equal(node({ ...forNode, GATEPOST_PUBLIC_URL: 'https://mail.example.com/nodes/n1/' }).publicUrl, 'https://mail.example.com/nodes/n1')
  for (const url of ['ws://a', 'a.example.com', 'https://a//b', 'https://a/b c', 'https://a/b;c', 'https://u:p@a', 'https://a?x=1', 'https://a/#x']) t.equal(faults(() => node({ ...forNode, GATEPOST_PUBLIC_URL: url })).length, 1, url)

  for (const host of ['0.0.0.0', '::', '::1', 'localhost', 'node-1.example.com']) t.equal(gate({ ...forGate, GATEPOST_HOST: host }).host, host)
  for (const host of ['256.1.1.1', 'a b', '-x', 'http://a', '[::1]', 'a_b']) t.equal(faults(() => gate({ ...forGate, GATEPOST_HOST: host })).length, 1, host)

  for (const prefix of ['a', 'a.b', 'test-1_x']) t.equal(gate({ ...forGate, GATEPOST_NATS_PREFIX: prefix }).natsPrefix, prefix)
  for (const prefix of ['a.', '.a', 'a..b', 'a b', 'a.*', '>', '$SYS', 'x'.repeat(65)]) t.equal(faults(() => gate({ ...forGate, GATEPOST_NATS_PREFIX: prefix })).length, 1, prefix)
})

t.test('settings - one public address for all nodes of a process, whose ids are steps of its path', async t => {
  t.equal(up({ GATEPOST_PUBLIC_URL: 'https://a' }).publicUrl, 'https://a')
  t.match(faults(() => up({ GATEPOST_PUBLIC_URL: 'https://a/nodes/n1' })), [/^GATEPOST_PUBLIC_URL: got "https:\/\/a\/nodes\/n1"; takes an http or https address without a path/])
  t.match(faults(() => up({ GATEPOST_NODE_ID: '..' }, ['--nodes', '1'])), [/^GATEPOST_NODE_ID: got "\.\."/])
  t.equal(up({ GATEPOST_NODE_ID: '..' }).nodeId, '..', 'a number follows')
})

t.test('settings - users\' tokens: the secret, or one of three others', async t => {
  t.strictSame(gate().auth, { kind: 'secret', secret, rules: noRules })
  const other = 'another secret of thirty-two bytes or more'
  t.strictSame(gate({ ...forGate, GATEPOST_AUTH_SECRET: other }).auth, { kind: 'secret', secret: other, rules: noRules })
  t.strictSame(gate({ ...forGate, GATEPOST_AUTH_JWKS_URL: 'https://id.example/jwks' }).auth, { kind: 'jwks', url: 'https://id.example/jwks', rules: noRules })
  t.match(faults(() => gate({ ...forGate, GATEPOST_AUTH_JWKS_URL: 'https://id.example/jwks', GATEPOST_AUTH_SECRET: other })), [/^GATEPOST_AUTH_JWKS_URL: got a value beside GATEPOST_AUTH_SECRET; takes at most one/])
})

t.test('settings - public keys of every kind, with newlines or \\n; private ones are refused and not shown', async t => {
  const pem = ({ publicKey, privateKey }: { publicKey: KeyObject, privateKey: KeyObject }) => ({
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  })
  const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }))
  const usable = [rsa, ...['P-256', 'P-384', 'P-521'].map(namedCurve => pem(generateKeyPairSync('ec', { namedCurve }))), pem(generateKeyPairSync('ed25519'))]
  for (const { publicKey } of usable) {
    t.strictSame(gate({ ...forGate, GATEPOST_AUTH_PUBLIC_KEY: publicKey }).auth, { kind: 'public-key', publicKey, rules: noRules })
    t.strictSame(gate({ ...forGate, GATEPOST_AUTH_PUBLIC_KEY: publicKey.replaceAll('\n', '\\n') }).auth, { kind: 'public-key', publicKey, rules: noRules })
  }
  const refused = [
    rsa.privateKey,
    pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })).publicKey,
    pem(generateKeyPairSync('rsa', { modulusLength: 1024 })).publicKey,
    'not a key'
  ]
  for (const key of refused) {
    const lines = faults(() => gate({ ...forGate, GATEPOST_AUTH_PUBLIC_KEY: key }))
    t.match(lines, [/^GATEPOST_AUTH_PUBLIC_KEY: got another text of \d+ bytes; takes the PEM text of a public key/])
  }
})

t.test('settings - a credentials file must be there', async t => {
  const dir = t.testdir({ 'nats.creds': 'x' })
  t.equal(gate({ ...forGate, GATEPOST_NATS_CREDS: join(dir, 'nats.creds') }).natsCreds, join(dir, 'nats.creds'))
  t.match(faults(() => gate({ ...forGate, GATEPOST_NATS_CREDS: join(dir, 'none') })), [/^GATEPOST_NATS_CREDS: got .*takes the path of a file that can be read/])
})

t.test('settings - token takes names, lists and a duration', async t => {
  const read = (...argv: string[]) => readTokenSettings(argv, { env: {}, cwd: nowhere })
  t.match(read('--sub', 'ann'), { sub: 'ann', scopes: ['user'], groups: [], ttlMs: 3_600_000, dataDir: '/nonexistent/data' })
  t.match(read('--sub=a b', '--scope', 'producer,admin', '--groups', 'x, y,x', '--ttl', '30d'), { sub: 'a b', scopes: ['producer', 'admin'], groups: ['x', 'y'], ttlMs: 30 * 86_400_000 })
  t.match(faults(() => read()), [/^--sub: got nothing; takes a name/])
  t.match(faults(() => read('--sub')), [/^--sub: got nothing; takes a name/])
  t.match(faults(() => read('--sub', 'x\ny', '--scope', 'root', '--groups', 'a,,b', '--ttl', '1')), [/^--sub: /, /^--scope: got "root"/, /^--groups: /, /^--ttl: got "1"/])
})

t.test('settings - doctor gets what can be read beside the faults', async t => {
  const { settings, faults: found } = readDoctorSettings([], { env: { ...forNode, GATEPOST_PORT: 'x', GATEPOST_NATS_PREFIX: '*' }, cwd: nowhere })
  t.match(settings, { natsUrl: 'nats://127.0.0.1:4222', natsPrefix: 'gatepost', busUnsigned: 'accept', secret })
  t.strictSame(found.map(({ setting }) => setting), ['GATEPOST_PORT', 'GATEPOST_NATS_PREFIX'])
  t.match(faults(() => readDoctorSettings(['--nothing'], { env: {}, cwd: nowhere })), [/^--nothing: /])
})

t.test('settings - frozen, and redacted for the log', async t => {
  const settings = node({ ...forNode, GATEPOST_NATS_URL: 'nats://joe:pw@nats', GATEPOST_MONGODB_URL: 'mongodb://joe:pw@a,b/db' })
  t.ok(Object.isFrozen(settings) && Object.isFrozen(settings.auth))
  const text = JSON.stringify(redacted(settings))
  t.notMatch(text, secret)
  t.notMatch(text, /joe|pw/)
  t.match(redacted(settings), { secretBytes: 38, auth: { kind: 'secret', secretBytes: 38 }, natsUrl: 'nats://***@nats', mongodbUrl: 'mongodb://***@a,b/db' })
  t.strictSame(secretsOf(settings), [secret, secret])
})

t.test('settings - the secret that up makes is made once, for its owner only', async t => {
  const dir = join(t.testdir(), 'deep', 'data')
  t.equal(readKeptSecret(dir), undefined)
  const made = keepSecret(dir)
  t.ok(Buffer.byteLength(made) >= 32)
  t.equal(statSync(join(dir, 'secret')).mode & 0o777, 0o600)
  t.equal(keepSecret(dir), made)
  t.equal(readKeptSecret(dir), made)
  t.notMatch(readFileSync(join(dir, 'secret'), 'utf8').trim(), /\s/)
  chmodSync(join(dir, 'secret'), 0o644)
  keepSecret(dir)
  t.equal(statSync(join(dir, 'secret')).mode & 0o777, 0o600, 'closed again')
  writeFileSync(join(dir, 'secret'), 'short')
  t.match(faults(() => keepSecret(dir)), [/^GATEPOST_SECRET: got a file with 5 bytes: .*secret; takes at least 32 bytes/])
  writeFileSync(join(dir, 'file'), '')
  t.match(faults(() => keepSecret(join(dir, 'file'))), [/^GATEPOST_DATA_DIR: got .*, where nothing can be written/])
})

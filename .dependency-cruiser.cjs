/** Which way imports go (docs/architecture.md): no cycles, no service inside another, one door for each library. */
const test = '^test/'
const cli = '^services/cli/'

/** Only these files may import the libraries. */
const door = (name, libraries, files, { areTypesFree = false } = {}) => ({
  name: `door-${name}`,
  severity: 'error',
  from: { pathNot: [test, ...files] },
  to: { path: `(^|/)node_modules/(${libraries.join('|')})/`, ...areTypesFree && { dependencyTypesNot: ['type-only'] } }
})

/** Rooms of one folder, the lowest first: each imports from those below it only. */
const floors = (folder, rooms) => rooms.slice(0, -1).map((room, floor) => ({
  name: `${room}-is-below-${rooms[floor + 1]}`,
  severity: 'error',
  from: { path: `^${folder}/${room}/` },
  to: { path: `^${folder}/(${rooms.slice(floor + 1).join('|')})/` }
}))

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'shared-imports-no-service',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(services|clients|test)/' }
    },
    {
      name: 'clients-stand-alone',
      comment: 'They run in browsers: of the servers they know the types of the contract only.',
      severity: 'error',
      from: { path: '^clients/' },
      to: { path: '^(services|shared|test)/', pathNot: '^shared/contract/' }
    },
    {
      name: 'clients-take-types-of-the-contract-only',
      severity: 'error',
      from: { path: '^clients/' },
      to: { path: '^shared/contract/', dependencyTypesNot: ['type-only'] }
    },
    {
      name: 'services-do-not-import-clients-or-tests',
      comment: 'The load generator is a client.',
      severity: 'error',
      from: { path: '^services/', pathNot: [`${cli}bench`, '^services/bench/'] },
      to: { path: '^(clients|test)/' }
    },
    {
      name: 'no-service-inside-another',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: [cli] },
      to: {
        path: '^services/',
        pathNot: ['^services/$1/', '^services/dispatch/(dispatch|create-dispatch|buses/bus|buses/in-process-bus)\\.ts$']
      }
    },
    {
      name: 'command-line-knows-doors-only',
      comment: 'The commands compose: they start services and open buses, no more.',
      severity: 'error',
      from: { path: cli },
      to: {
        path: '^services/',
        pathNot: [cli, '^services/(gate|notifications/node)/start\\.ts$', '^services/dispatch/buses/(bus|in-process-bus|machine-bus|machine-hub|nats-bus|nats-inspect)\\.ts$', '^services/bench/']
      }
    },
    {
      name: 'nobody-imports-main',
      severity: 'error',
      from: {},
      to: { path: '^services/[^/]+/main\\.ts$' }
    },
    {
      name: 'only-commands-start-services',
      severity: 'error',
      from: { pathNot: [cli, test] },
      to: { path: '^services/(gate|notifications/node)/start\\.ts$' }
    },
    {
      name: 'nats-adapter-is-opened-by-commands',
      severity: 'error',
      from: { pathNot: [cli, test, '^services/dispatch/'] },
      to: { path: '^services/dispatch/buses/nats-' }
    },
    {
      name: 'store-adapters-are-opened-by-commands',
      severity: 'error',
      from: { pathNot: [cli, test, '^shared/store/'] },
      to: { path: '^shared/store/(lmdb|mongodb)-' }
    },
    ...floors('shared', ['contract', 'platform', 'store']),
    ...floors('services/notifications', ['log', 'mailbox', 'realtime', 'node']),
    {
      name: 'buses-know-no-cluster',
      comment: 'A bus carries bytes by subject.',
      severity: 'error',
      from: { path: '^services/dispatch/buses/' },
      to: { path: '^services/dispatch/', pathNot: '^services/dispatch/buses/' }
    },
    door('fastify', ['fastify', '@fastify/[^/]+'], ['^shared/platform/http/', '^services/[^/]+/(app|server)\\.ts$', '^services/[^/]+/(node/)?routes/'], { areTypesFree: true }),
    door('socket-io', ['socket\\.io', 'socket\\.io-adapter', 'socket\\.io-parser', 'engine\\.io', 'engine\\.io-parser'], ['^services/notifications/']),
    door('mongodb', ['mongodb'], ['^shared/store/mongodb-[^/]+\\.ts$']),
    door('nats', ['nats'], ['^services/dispatch/buses/nats-[^/]+\\.ts$']),
    door('lmdb', ['lmdb', 'msgpackr'], ['^shared/store/lmdb-[^/]+\\.ts$']),
    door('consistent-hash', ['consistent-hash'], ['^shared/contract/ring\\.ts$']),
    door('log', ['pino', 'pino-pretty'], ['^shared/platform/log\\.ts$']),
    door('metrics', ['prom-client'], ['^shared/platform/metrics\\.ts$']),
    door('tokens', ['fast-jwt', 'jose'], ['^shared/platform/identity/']),
    door('socket-io-client', ['socket\\.io-client'], ['^clients/'])
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|clients/(dist|jsx)|test/bundlers/site|data|\\.tap|\\.servers)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] }
  }
}

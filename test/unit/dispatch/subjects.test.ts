import t from 'tap'
import { groupStream, userStream, type NodeId } from '../../../shared/contract/names.js'
import { createSubjectMatcher } from '../../../services/dispatch/buses/subject-pattern.js'
import { createSubjects, lifeToken, nameToken, readLifeToken, readNameToken, streamToken } from '../../../shared/contract/subjects.js'

const oddNames = ['a', 'node.1', '*', '>', 'with space', '📮', 'ü~.', 'x'.repeat(128), '日本語', '-_']

void t.test('subjects - any name becomes one token without anything special in it, and back', async t => {
  for (const name of oddNames) {
    t.match(nameToken(name), /^[\w-]+$/)
    t.equal(readNameToken(nameToken(name)), name)
    t.same(readLifeToken(lifeToken(name as NodeId, 1_700_000_000_123)), { node: name, startedAt: 1_700_000_000_123 })
  }
})

void t.test('subjects - what was not made here is no name and no life', async t => {
  for (const token of ['', '!', 'YQ==', 'YR', 'a', '_w']) t.equal(readNameToken(token), undefined, token)
  for (const life of ['', 'YQ', '~', 'YQ~', '~5', 'YQ~-1', 'YQ~5~5', 'YQ~5.5', 'YQ~05', 'YQ~ZZ', 'YQ~zzzzzzzzzzzzzz']) t.equal(readLifeToken(life), undefined, life)
})

void t.test('subjects - a push and a volatile entry tell sender and stream, a topic tells all', async t => {
  for (const prefix of ['gatepost', 'site.eu-1.gatepost']) {
    const subjects = createSubjects(prefix)
    for (const name of oddNames) {
      const node = name as NodeId
      const life = lifeToken(node, 42)
      t.same(subjects.readPush(subjects.pushStem(life) + streamToken(userStream('anna'))), { life, token: streamToken(userStream('anna')) })
      t.same(subjects.readVolatile(subjects.volatileStem(node) + 'abc'), { from: name, token: 'abc' })
      for (const match of ['exact', 'prefix'] as const) {
        for (const topic of oddNames) t.same(subjects.readTopic(subjects.topic(node, topic, match)), { from: name, topic, match })
      }
    }
  }
})

void t.test('subjects - each kind is matched by its own pattern only', async t => {
  const subjects = createSubjects('p')
  const node = 'node.1' as NodeId
  const made = {
    allPushes: subjects.pushStem(lifeToken(node, 1)) + streamToken(userStream('a')),
    allVolatile: subjects.volatileStem(node) + streamToken(userStream('a')),
    allTopics: subjects.topic(node, 'a.b', 'exact'),
    allHeartbeats: subjects.heartbeat(node),
    allByes: subjects.bye(node),
    hello: subjects.hello
  } as const
  for (const [kind, subject] of Object.entries(made)) {
    for (const pattern of Object.keys(made)) {
      t.equal(createSubjectMatcher(subjects[pattern as keyof typeof made])(subject), kind === pattern, `${pattern} on ${subject}`)
    }
  }
})

void t.test('subjects - what is malformed on the bus is not read', async t => {
  const { readTopic, readVolatile } = createSubjects('p')
  for (const subject of ['p.topic.YQ.exact', 'p.topic.YQ.some.YQ', 'p.topic.!.exact.YQ', 'p.topic.YQ.exact.!', 'p.topic']) t.equal(readTopic(subject), undefined, subject)
  for (const subject of ['p.volatile.!.x', 'p.volatile..x', 'p.volatile']) t.equal(readVolatile(subject), undefined, subject)
})

void t.test('subjects - streams have different short tokens, the same each time', async t => {
  const streams = [userStream('anna'), groupStream('anna'), userStream('Anna'), userStream('anna ')]
  const tokens = streams.map(streamToken)
  t.equal(new Set(tokens).size, streams.length)
  for (const token of tokens) t.match(token, /^[\w-]{22}$/)
  // Beyond what is remembered.
  for (let i = 0; i < 100_000; i++) streamToken(userStream(`other ${i}`))
  t.same(streams.map(streamToken), tokens)
})

void t.test('subjects - a prefix is made of plain tokens', async t => {
  for (const prefix of ['gatepost', 'a.b.c', 'ü-1_x']) t.ok(createSubjects(prefix))
  for (const prefix of ['', '.', 'a.', '.a', 'a..b', 'a.*', '>', 'a>b', 'a b', 'a\tb', 'a\nb', 'a\u0000', '$SYS', '_INBOX', '_INBOX.x', 'x'.repeat(257)]) {
    t.throws(() => createSubjects(prefix), { code: 'GP_VALIDATION', message: /GATEPOST_NATS_PREFIX/ }, JSON.stringify(prefix))
  }
})

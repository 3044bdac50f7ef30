import t from 'tap'
import { createHistogram } from '../../services/cli/bench/histogram.js'
import { createLedger, type SeenEntry } from '../../services/cli/bench/ledger.js'

const run = 'r1'
const entry = (seq: number, prev: number, n: number, more: Partial<SeenEntry> = {}): SeenEntry =>
  ({ type: 'message', stream: 'u:ann', seq, prev, boxes: ['inbox'], data: { run, n }, ...more })

t.test('ledger - what came once and in order has no faults', async t => {
  const ledger = createLedger(run)
  const read = ledger.reader({ 'u:ann': 7 })
  const [first, second] = [ledger.send(100, 1), ledger.send(110, 1)]
  ledger.accept(first)
  ledger.accept(second)
  t.match(ledger.totals(), { accepted: 2, expected: 2, deliveries: 0, lost: 2 })
  read([entry(9, 7, first), entry(12, 9, second)], 130)
  t.strictSame(ledger.totals(), { accepted: 2, failed: 0, expected: 2, deliveries: 2, lost: 0, duplicates: 0, orderFaults: 0 })
  t.equal(ledger.latency.max, 30)
})

t.test('ledger - an entry that comes again is a duplicate, and no delivery', async t => {
  const ledger = createLedger(run)
  const read = ledger.reader({})
  const n = ledger.send(0, 1)
  ledger.accept(n)
  read([entry(5, 0, n), entry(5, 0, n)], 1)
  t.match(ledger.totals(), { deliveries: 1, duplicates: 1, orderFaults: 0, lost: 0 })
})

t.test('ledger - a hole is a fault of order, and what was in it is lost', async t => {
  const ledger = createLedger(run)
  const read = ledger.reader({ 'u:ann': 1 })
  const [first, second] = [ledger.send(0, 1), ledger.send(0, 1)]
  ledger.accept(first)
  ledger.accept(second)
  read([entry(9, 5, second)], 1)
  t.match(ledger.totals(), { deliveries: 1, orderFaults: 1, lost: 1 })
  read([entry(5, 1, first)], 2)
  t.match(ledger.totals(), { deliveries: 1, duplicates: 1, lost: 1 }, 'behind a later one it is no delivery any more')
})

t.test('ledger - each reader of a group counts, the copy of the sender does not', async t => {
  const ledger = createLedger(run)
  const [ann, bob] = [ledger.reader({}), ledger.reader({})]
  const n = ledger.send(0, 2)
  ledger.accept(n)
  ann([entry(5, 0, n, { stream: 'g:team' }), entry(6, 0, n, { boxes: ['sent'] })], 1)
  t.match(ledger.totals(), { expected: 2, deliveries: 1, lost: 1 })
  bob([entry(5, 0, n, { stream: 'g:team' })], 1)
  t.match(ledger.totals(), { expected: 2, deliveries: 2, lost: 0 })
})

t.test('ledger - what was not accepted is not missed, and others\' messages do not count', async t => {
  const ledger = createLedger(run)
  const read = ledger.reader({})
  ledger.fail(ledger.send(0, 3))
  read([entry(5, 0, 0, { data: { run: 'another', n: 0 } }), entry(6, 5, 0, { data: null }), { type: 'change', stream: 'u:ann', seq: 7, prev: 6 }], 1)
  t.match(ledger.totals(), { accepted: 0, failed: 1, expected: 0, deliveries: 0, lost: 0, duplicates: 0, orderFaults: 0 })
})

t.test('histogram - quantiles to one per cent', async t => {
  const histogram = createHistogram()
  t.ok(Number.isNaN(histogram.quantile(0.5)))
  for (let ms = 1; ms <= 1_000; ms++) histogram.add(ms)
  for (const [share, ms] of [[0.5, 500], [0.99, 990], [1, 1_000]] as const) {
    t.ok(Math.abs(histogram.quantile(share) - ms) <= ms / 100, `${share}: ${histogram.quantile(share)}`)
  }
  histogram.add(0)
  t.equal(histogram.count, 1_001)
  t.ok(histogram.quantile(0) <= 0.01)
})

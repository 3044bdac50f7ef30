import t from 'tap'
import { createMetrics, createProcessMetrics } from '../../shared/platform/metrics.js'

t.test('metrics - two instances in one process count apart and show the process once each', async t => {
  const processMetrics = createProcessMetrics()
  const one = createMetrics({ processMetrics })
  const two = createMetrics({ processMetrics })
  t.teardown(() => { one.close(); two.close(); processMetrics.close() })
  const stored = one.counter('messages_stored_total', 'Messages stored.', ['kind'])
  two.counter('messages_stored_total', 'Messages stored.', ['kind'])
  let sockets = 3
  one.gauge('sockets', 'Open sockets.', () => sockets)
  stored.inc({ kind: 'user' }, 2)
  one.observeRequest({ method: 'GET', route: '/messages/:id', status: 200, seconds: 0.002 })

  const text = await one.text()
  t.match(text, 'gatepost_messages_stored_total{kind="user"} 2')
  t.match(text, 'gatepost_sockets 3')
  t.match(text, 'gatepost_http_request_seconds_count{method="GET",route="/messages/:id",status="200"} 1')
  t.equal(text.split('# TYPE process_cpu_user_seconds_total').length, 2)
  sockets = 4
  t.match(await one.text(), 'gatepost_sockets 4')
  t.notMatch(await two.text(), 'kind="user"')
  t.match(await two.text(), 'process_cpu_user_seconds_total')
})

t.test('metrics - a blocked event loop shows as lag', async t => {
  const metrics = createMetrics()
  t.teardown(() => metrics.close())
  const deadline = Date.now() + 10_000
  while (metrics.eventLoopLagMs < 5 && Date.now() < deadline) {
    const until = Date.now() + 60
    while (Date.now() < until) { /* this is what lag is made of */ }
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  t.ok(metrics.eventLoopLagMs >= 5, `${metrics.eventLoopLagMs} ms`)
  t.match(await metrics.text(), /gatepost_event_loop_lag_seconds 0\.\d+/)
})

import t from 'tap'
import { createRequestTimes, createHistogram } from '../../shared/platform/histogram.js'

t.test('request times - the text of Prometheus: buckets that add up, sums and counts by labels', async t => {
  const times = createRequestTimes({ name: 'seconds', help: 'Time.', bounds: [0.1, 1] })
  t.equal(times.text(), '# HELP seconds Time.\n# TYPE seconds histogram\n')
  for (const seconds of [0.05, 0.1, 0.5, 7]) times.observe({ method: 'GET', route: '/a', status: 200, seconds })
  times.observe({ method: 'GET', route: '/a', status: 404, seconds: 1 })
  times.observe({ method: 'HEAD', route: '/"a\\', status: 200, seconds: 1.5 })
  t.same(times.text().trimEnd().split('\n').slice(2), [
    'seconds_bucket{le="0.1",method="GET",route="/a",status="200"} 2',
    'seconds_bucket{le="1",method="GET",route="/a",status="200"} 3',
    'seconds_bucket{le="+Inf",method="GET",route="/a",status="200"} 4',
    'seconds_sum{method="GET",route="/a",status="200"} 7.65',
    'seconds_count{method="GET",route="/a",status="200"} 4',
    'seconds_bucket{le="0.1",method="GET",route="/a",status="404"} 0',
    'seconds_bucket{le="1",method="GET",route="/a",status="404"} 1',
    'seconds_bucket{le="+Inf",method="GET",route="/a",status="404"} 1',
    'seconds_sum{method="GET",route="/a",status="404"} 1',
    'seconds_count{method="GET",route="/a",status="404"} 1',
    'seconds_bucket{le="0.1",method="HEAD",route="/\\"a\\\\",status="200"} 0',
    'seconds_bucket{le="1",method="HEAD",route="/\\"a\\\\",status="200"} 0',
    'seconds_bucket{le="+Inf",method="HEAD",route="/\\"a\\\\",status="200"} 1',
    'seconds_sum{method="HEAD",route="/\\"a\\\\",status="200"} 1.5',
    'seconds_count{method="HEAD",route="/\\"a\\\\",status="200"} 1'
  ])
})

t.test('times - one series without labels', async t => {
  const times = createHistogram({ name: 'seconds', help: 'Time.', bounds: [1] })
  times.observe(0.5)
  times.observe(2)
  t.equal(times.text(), '# HELP seconds Time.\n# TYPE seconds histogram\nseconds_bucket{le="1"} 1\nseconds_bucket{le="+Inf"} 2\nseconds_sum 2.5\nseconds_count 2\n')
})

import t from 'tap'
import { joinMetrics } from '../../shared/platform/joined-metrics.js'

const page = (count: number, more = ''): string => `# HELP a_total What is counted.\n# TYPE a_total counter\na_total{route="/x} y",status="200"} ${count}\na_total{route="b"} 1\n\n# HELP up Is it.\n# TYPE up gauge\nup 1\n${more}`

t.test('joined metrics - a sample of each process, each metric in one piece and described once', async t => {
  t.equal(joinMetrics([{ process: 0, text: page(1) }, { process: 2, text: page(5, '# HELP own Its own.\n# TYPE own gauge\nown{} 3 1700000000\n') }]), [
    '# HELP a_total What is counted.',
    '# TYPE a_total counter',
    'a_total{process="0",route="/x} y",status="200"} 1',
    'a_total{process="0",route="b"} 1',
    'a_total{process="2",route="/x} y",status="200"} 5',
    'a_total{process="2",route="b"} 1',
    '',
    '# HELP up Is it.',
    '# TYPE up gauge',
    'up{process="0"} 1',
    'up{process="2"} 1',
    '',
    '# HELP own Its own.',
    '# TYPE own gauge',
    'own{process="2"} 3 1700000000',
    ''
  ].join('\n'))
  t.equal(joinMetrics([]), '')
})

import t from 'tap'
import { howMany, type Machine } from '../../services/cli/processes/how-many.js'

const machine: Machine = { platform: 'linux', cores: 8, memoryBytes: 32 * 1024 ** 3 }
const of = (processes?: number, nodes?: number, more: Partial<Machine> = {}): ReturnType<typeof howMany> => howMany({ processes, nodes }, { ...machine, ...more })

t.test('how many - the cores, of which the process with the store and the bus has one', async t => {
  t.same(of(), { processes: 7, nodes: 7 })
  t.same(of(undefined, undefined, { cores: 1 }), { processes: 1, nodes: 2 })
  t.same(of(undefined, undefined, { cores: 2 }), { processes: 1, nodes: 2 })
  t.same(of(undefined, undefined, { cores: 3 }), { processes: 2, nodes: 2 })
  t.same(of(undefined, undefined, { cores: 256, memoryBytes: 1024 ** 4 }), { processes: 64, nodes: 64 })
  const outside = { mongodbUrl: 'mongodb://127.0.0.1/x', natsUrl: 'nats://127.0.0.1' }
  t.same(howMany({ processes: undefined, nodes: undefined, ...outside }, machine), { processes: 8, nodes: 8 })
  t.same(howMany({ processes: undefined, nodes: undefined, ...outside, natsUrl: undefined }, machine), { processes: 7, nodes: 7 })
})

t.test('how many - no more than nodes were asked for, than there is memory for, than Windows can', async t => {
  t.same(of(undefined, 1), { processes: 1, nodes: 1 })
  t.same(of(undefined, 3), { processes: 3, nodes: 3 })
  t.same(of(undefined, 20), { processes: 7, nodes: 20 })
  t.same(of(undefined, undefined, { memoryBytes: 2 * 1024 ** 3 }), { processes: 4, nodes: 4 })
  t.same(of(undefined, undefined, { memoryBytes: 400 * 1024 ** 2 }), { processes: 1, nodes: 2 })
  t.same(of(undefined, undefined, { platform: 'win32' }), { processes: 1, nodes: 2 })
})

t.test('how many - what was asked for holds', async t => {
  t.same(of(3), { processes: 3, nodes: 3 })
  t.same(of(1), { processes: 1, nodes: 2 })
  t.same(of(4, 2, { cores: 1 }), { processes: 4, nodes: 4 }, 'a process without a node would serve nobody')
})

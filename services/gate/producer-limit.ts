/**
 * What each producer may send in a minute (GATEPOST_RATE_PRODUCER), counted at one place for all Gates that know the same nodes: by the node that
 * the ring gives for the producer's name. While that one gives no answer, or there is none, this Gate counts by itself.
 */
import type { NodeId } from '../../shared/contract/names.js'
import { createCountingNode, type CountingNodeOptions } from '../../shared/contract/counting-node.js'
import type { NodeAnswer, NodeRequest } from '../../shared/contract/node-rpc.js'
import { createRateLimit } from '../../shared/platform/rate-limit.js'
import type { Rings } from './assignment.js'

/** Takes so many messages and gives 0, or takes none and gives the seconds until so many are there. */
export type TakeOfProducer = (producer: string, messages: number) => Promise<number>

export interface ProducerLimitOptions extends Pick<CountingNodeOptions<string>, 'dispatch' | 'elapsed'> {
  readonly perMinute: number
  readonly rings: () => Pick<Rings, 'up'>
}

export function createProducerLimit ({ perMinute, dispatch, rings, elapsed }: ProducerLimitOptions): TakeOfProducer {
  const own = createRateLimit({ perMinute, elapsed })
  const counting = createCountingNode('count-producer', { dispatch, elapsed, ownerOf: (producer): NodeId | undefined => rings().up.assign(`p:${producer}`) })
  return async (producer, messages) => {
    const counter = counting.of(producer)
    const question: NodeRequest<'count-producer'> = { producer, messages, perMinute }
    const answer = counter === undefined ? undefined : await counting.ask(counter, question) as NodeAnswer<'count-producer'> | undefined
    if (answer === undefined) return own.take(producer, messages)
    // So that this Gate lets through no second minute once the node is silent.
    if (answer.waitSeconds === 0) own.add(producer, messages)
    return answer.waitSeconds
  }
}

/** Taking a node off the ring, and putting it back. The last one that takes users is guarded: after it nobody can sign in. */
import type { Overview } from '../../routes/overview.js'
import { ask } from './ask.js'
import { confirm } from './dialog.js'
import { count, plural } from './format.js'

export type Node = Overview['nodes'][number]

/** Rejects where Gate refused. */
export async function drainOrPutBack ({ id, state }: Node): Promise<void> {
  await ask(`nodes/${encodeURIComponent(id)}/drain`, { method: state === 'draining' ? 'DELETE' : 'POST' })
}

/** Putting back needs no question. */
export async function isAgreed ({ id, state, sockets }: Node, all: readonly Node[]): Promise<boolean> {
  if (state === 'draining') return true
  const others = all.filter(node => node.id !== id && node.state === 'up')
  if (others.length === 0) {
    return await confirm({
      title: `${id} is the last node that takes users`,
      text: [
        'Once it drains nobody can sign in, and nothing can be handed over to another node, until a node joins or is put back.',
        sockets === 0 ? 'It has no open socket.' : `Its ${plural(sockets, 'open socket')} will be closed at the end of the drain.`
      ],
      yes: 'Drain the last node',
      isDanger: true,
      typed: id
    })
  }
  return await confirm({
    title: `Drain ${id}?`,
    text: [`It takes no new users, and its ${plural(sockets, 'socket')} ${sockets === 1 ? 'is' : 'are'} handed over to ${others.length === 1 ? others[0]!.id : `the ${count(others.length)} other nodes`}. Nobody loses a message. You can put it back at any time.`],
    yes: 'Drain'
  })
}

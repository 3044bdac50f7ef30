/** When a message was broadcast and written to sockets, as the nodes that run remember it. */
import { Type, type Static } from 'typebox'
import { askNodes } from '../../../shared/contract/node-rpc.js'
import { Time } from '../../../shared/contract/wire.js'
import type { Dispatch } from '../../dispatch/dispatch.js'

export const RecentTimes = Type.Object({
  isWhole: Type.Boolean({ description: 'All nodes answered and remember that far back: what is not named here did not happen. False: it may have happened and is not known any more.' }),
  broadcast: Type.Union([Type.Object({
    at: Time,
    node: Type.String({ description: 'The node that stored the message, and told the others.' }),
    fate: Type.String({ description: 'sent: handed to NATS, or to the nodes of one process. alone: there was no other node. disconnected, too-large, closed: it was not sent; the others read the store.' })
  }), Type.Null()]),
  written: Type.Array(Type.Object({ node: Type.String(), firstAt: Time, lastAt: Time, sockets: Type.Integer({ description: 'One that opened again and was sent it again counts again.' }) }),
    { description: 'To open sockets; with `user`, to those of this user. Lists by REST are not counted.' })
})
export type RecentTimes = Static<typeof RecentTimes>

interface Place { readonly stream: string, readonly seq: number, readonly storedAt: number, readonly user: string | undefined }

export async function recentTimesOf (dispatch: Pick<Dispatch, 'askAll' | 'members'>, { stream, seq, storedAt, user }: Place): Promise<RecentTimes> {
  const answers = await askNodes(dispatch, 'recent-times', { stream, seq, ...user !== undefined && { user } })
  const iso = (ms: number): string => new Date(ms).toISOString()
  const found = [...answers].sort(([one], [other]) => one < other ? -1 : 1)
  const broadcasts = found.flatMap(([node, { broadcast }]) => broadcast === null ? [] : [{ node, ...broadcast }]).sort((one, other) => one.at - other.at)
  const [broadcast] = broadcasts
  return {
    isWhole: dispatch.members().every(({ id, state, lastSeen }) => state === 'down' ? lastSeen < storedAt : (answers.get(id)?.since ?? Infinity) < storedAt),
    broadcast: broadcast === undefined ? null : { at: iso(broadcast.at), node: broadcast.node, fate: broadcast.fate },
    written: found.flatMap(([node, { written }]) => written === null ? [] : [{ node, firstAt: iso(written.firstAt), lastAt: iso(written.lastAt), sockets: written.sockets }])
  }
}

import { GatepostInbox, useInbox, useUnread } from '@gatepost/client/react'

export function App () {
  const { unread } = useUnread({ gate: '', token: null })
  const { inbox, state } = useInbox({ gate: '', token: 'token', onEntry: entry => { console.log(entry.stream) } })
  return (
    <main>
      <GatepostInbox gate='' token={() => 'token'} className='bell' open onMessage={message => { console.log(message.title, inbox?.user, state, unread) }} />
      <gatepost-inbox gate='' token='token' ongatepost-unread={event => { console.log(event.detail.unread) }} />
      {/* @ts-expect-error a gate is needed */}
      <GatepostInbox token='x' />
    </main>
  )
}

/** @jsxImportSource vue */
import { GatepostInbox, useUnread } from '@gatepost/client/vue'

const unread = useUnread(() => ({ gate: '', token: null }))
export const App = () => <GatepostInbox gate='' token={() => 'token'} onMessage={message => { console.log(message.title, unread.value.unread) }} />

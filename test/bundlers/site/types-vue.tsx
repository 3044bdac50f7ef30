/** @jsxImportSource vue */
import { GatepostInbox, useUnread } from '@gatepost/client/vue'

const unread = useUnread(() => ({ gate: '', token: null }))
export const App = () => <main><GatepostInbox gate='' token={() => 'token'} onMessage={message => { console.log(message.title, unread.value.unread) }} /></main>

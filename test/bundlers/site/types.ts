// What a site's compiler must take, and what it must refuse. Our own types are checked too (no skipLibCheck).
import { createInbox, createProducer, type Entry, type Inbox } from '@gatepost/client'
import { GatepostInbox } from '@gatepost/client/element'

const inbox: Inbox = createInbox({ gate: '', token: () => 'token', onEntry: (entry: Entry) => { console.log(entry.seq) } })
const element: GatepostInbox | null = document.querySelector('gatepost-inbox')
element?.addEventListener('gatepost-message', ({ detail }) => { console.log(detail.title) })
void createProducer({ gate: 'https://site.example', token: 'token' }).send({ to: { user: 'ann' }, body: 'x' })
// @ts-expect-error a misspelt target
void inbox.send({ to: { usr: 'ann' }, body: 'x' })

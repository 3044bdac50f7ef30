import { createApp, h } from 'vue'
import { GatepostInbox } from '@gatepost/client/vue'

const props = Object.fromEntries(new URLSearchParams(location.search))
createApp({ render: () => h(GatepostInbox, props) }).mount(document.body.appendChild(document.createElement('main')))

import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { GatepostInbox } from '@gatepost/client/react'

const props = Object.fromEntries(new URLSearchParams(location.search))
createRoot(document.body.appendChild(document.createElement('main'))).render(createElement(GatepostInbox, props))

import { createInbox } from '@gatepost/client'

const { gate, token } = Object.fromEntries(new URLSearchParams(location.search))
const badge = document.body.appendChild(document.createElement('output'))
badge.className = 'badge'
createInbox({ gate, token, onUnread: ({ unread }) => { badge.textContent = String(unread) } })

import '@gatepost/client/element'

const inbox = document.createElement('gatepost-inbox')
for (const [name, value] of new URLSearchParams(location.search)) inbox.setAttribute(name, value)
document.body.append(inbox)

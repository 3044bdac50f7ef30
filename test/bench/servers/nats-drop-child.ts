/** The NATS client alone: takes what is broadcast and drops it by its subject. */
import { connect } from 'nats'
import { serveParent } from '../serve-parent.js'

/** As a node knows its streams. */
const wanted = new Set<string>()
let dropped = 0

serveParent({
  start: async ({ natsUrl, subject }: { natsUrl: string, subject: string }) => {
    const nats = await connect({ servers: natsUrl })
    nats.subscribe(subject, {
      callback: (_error, message) => {
        if (!wanted.has(message.subject.slice(message.subject.lastIndexOf('.') + 1))) dropped++
      }
    })
    await nats.flush()
  },
  dropped: () => dropped
})

/**
 * Reads of one turn of the event loop that ask for the same are made once. None begins before its turn ends, so each is as
 * new as its caller may expect.
 */
export function shareInTurn<Request, Reply> (keyOf: (request: Request) => string, read: (request: Request) => Promise<Reply>): (request: Request) => Promise<Reply> {
  const waiting = new Map<string, Promise<Reply>>()

  return request => {
    const key = keyOf(request)
    let reply = waiting.get(key)
    if (reply === undefined) {
      reply = new Promise((resolve, reject) => {
        setImmediate(() => {
          waiting.delete(key)
          read(request).then(resolve, reject)
        })
      })
      waiting.set(key, reply)
    }
    return reply
  }
}

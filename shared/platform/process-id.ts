import { randomBytes } from 'node:crypto'

/** Names this process for as long as it runs: what several nodes and a Gate of one process share (memory, event loop) is counted once by it. */
export const processId = randomBytes(8).toString('hex')

import type { Row } from './row.js'
import { dropForeign } from './rows/drop-foreign.js'
import { fanOutRows } from './rows/fan-out.js'
import { growthRows } from './rows/growth.js'
import { idleRows } from './rows/idle-memory.js'
import { inboxRows } from './rows/inbox.js'
import { interestRows } from './rows/interest.js'
import { mongodbRows } from './rows/mongodb.js'
import { postRows } from './rows/post.js'
import { pushRows } from './rows/push.js'
import { startRows } from './rows/start.js'
import { storeRows } from './rows/store.js'

export const rows: readonly Row[] = [...fanOutRows, ...pushRows, dropForeign, ...interestRows, ...postRows, ...storeRows, ...idleRows, ...growthRows, ...mongodbRows, ...inboxRows, ...startRows]

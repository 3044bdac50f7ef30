import { adminLink } from './admin-link.js'
import { bench } from './bench.js'
import type { Command } from './command.js'
import { doctor } from './doctor.js'
import { drain } from './drain.js'
import { gate } from './gate.js'
import { migrate } from './migrate.js'
import { node } from './node.js'
import { nodes } from './nodes.js'
import { send } from './send.js'
import { tail } from './tail.js'
import { token } from './token.js'
import { up } from './up.js'
import { user } from './user.js'

/** In the order in which help lists them. */
export const commands: readonly Command[] = [up, gate, node, token, adminLink, send, tail, user, nodes, drain, bench, doctor, migrate]

import { bench } from './bench.js'
import type { Command } from './command.js'
import { doctor } from './doctor.js'
import { gate } from './gate.js'
import { migrate } from './migrate.js'
import { node } from './node.js'
import { token } from './token.js'
import { up } from './up.js'

/** In the order in which help lists them. */
export const commands: readonly Command[] = [up, gate, node, token, bench, doctor, migrate]

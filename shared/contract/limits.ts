/** Apart from the schemas, so that whoever only names a limit loads none of them. */

/** Of one message. */
export const maxReceivers = 1_000

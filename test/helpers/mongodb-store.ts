/** What tests of the MongoDB store share. */
export const silentLog = { info: (): void => {}, warn: (): void => {} }

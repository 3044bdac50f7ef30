/** What holds of sockets in general holds of sockets of form 2. */
process.env['GATEPOST_TEST_FORM'] = '2'
await import('./socket-events.test.js')

export {}

/** What a device of form 2 is told, what nodes list and what they count is the same. */
process.env['GATEPOST_TEST_FORM'] = '2'
await import('./model.test.js')

export {}

/** `npm run test:full` sets GATEPOST_TEST_FULL: longer phases, higher rates, more rounds of what `npm test` shows in short. */
export const isFull = (process.env['GATEPOST_TEST_FULL'] ?? '') !== ''

/** Flags of Node.js with which `gatepost` starts itself (bin/gatepost.js): for servers of tests and of benches, whose baselines get the same. */
export const serverFlags = ['--max-semi-space-size=64', '--initial-heap-size=256', '--heap-growing-percent=50']

import { benchSchema } from '../../shared/platform/settings/catalogue.js'
import type { Command } from './command.js'

export const bench: Command = {
  name: 'bench',
  summary: 'sends messages, counts what arrives, and how soon',
  about: [
    'Opens a socket for each client, sends for a while, waits for what is still on its way, and prints a table: deliveries, loss, duplicates, order faults (by seq and prev of each stream), the time from sending to delivery, and the CPU time of the servers for each delivery.',
    'Without --gate it starts `gatepost up` in a folder of its own, and removes both afterwards. With --gate it loads a running Gate and its nodes: the clients are users of the site, so give it GATEPOST_SECRET, with which it signs their tokens, or a file of tokens.',
    'Over rest, a mail is POST /messages on the node of its sender, and one to all is POST /gate/messages; over batch they go to POST /gate/messages as arrays; over socket each is the event `send`. A message counts as delivered once for each client that it is for.',
    'Progress goes to stderr: one line that is rewritten on a terminal, plain lines otherwise. The exit code is 1 where something was lost, came twice or out of order, or where nothing could be sent; else 0.'
  ],
  schema: benchSchema,
  examples: [
    { line: 'npx gatepost bench', does: 'mail between 100 users over two nodes, 1,000 a second for 10 seconds' },
    { line: 'npx gatepost bench --to all --clients 5000 --rate 20', does: 'what everybody gets, at 5,000 open sockets' },
    { line: 'npx gatepost bench --via batch --rate 0 --json', does: 'batches of 64, as fast as they are taken; the result as JSON' },
    { line: 'GATEPOST_SECRET=... npx gatepost bench --gate https://gate.example.com --server-pids 4711,4712', does: 'a running site, and the CPU time of two of its processes on this machine' }
  ],
  run: async (argv, terminal) => await (await import('./bench/run-bench.js')).runBench(argv, terminal)
}

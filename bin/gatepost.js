#!/usr/bin/env -S node --max-semi-space-size=64 --initial-heap-size=256 --heap-growing-percent=50
import { existsSync } from 'node:fs'

// Young objects of 10,000 sockets outlive the default semi-space: a larger one cost a fifth less CPU. With it, and a heap that begins
// small, V8 would collect all of the heap several times a second while buffers come and go; it begins with 256 MB.
// Beyond that V8 would let the heap grow to three times what is alive while a producer is busy; with 50 % it collects before.
const main = new URL('../dist/gatepost/main.js', import.meta.url)
if (!existsSync(main)) {
  console.error('gatepost is not built yet: run `npm install` (or `npm run build`) in its folder')
  process.exit(1)
}
await import(main.href)

import t from 'tap'
import { MeasuredCache } from '../../shared/platform/measured-cache.js'

interface Value { bytes: number }
const held = new Set<string>()
const cacheOf = (maxBytes: number): MeasuredCache<string, Value> => new MeasuredCache<string, Value>({ maxBytes, bytesOf: ({ bytes }) => bytes, isHeld: key => held.has(key) })

t.test('measured cache - above the bound what was not used goes, the oldest first', t => {
  const cache = cacheOf(100)
  for (const key of ['a', 'b', 'c', 'd']) cache.add(key, { bytes: 25 })
  t.equal(cache.bytes, 100)
  cache.add('e', { bytes: 25 }) // all five were used of late: they are looked at, and the oldest is next
  cache.get('a')
  cache.add('f', { bytes: 25 })
  t.same(['a', 'b', 'c', 'd', 'e', 'f'].filter(key => cache.peek(key) !== undefined).includes('a'), true, 'a was used')
  t.ok(cache.bytes <= 125, 'a new one may be above it', { bytes: cache.bytes })
  for (let i = 0; i < 1_000; i++) {
    cache.get('a')
    cache.add(`x${i}`, { bytes: 25 })
    t.ok(cache.bytes <= 150)
  }
  t.ok(cache.peek('a'))
  t.equal(cache.peek('x900'), undefined)
  t.end()
})

t.test('measured cache - a value that grows is counted as it is', t => {
  const cache = cacheOf(1_000)
  const value = cache.add('grows', { bytes: 10 })
  cache.add('other', { bytes: 10 })
  value.bytes = 500
  t.equal(cache.bytes, 20)
  cache.get('grows')
  t.equal(cache.bytes, 510)
  value.bytes = 700
  cache.measure('grows')
  t.equal(cache.bytes, 710)
  cache.delete('grows')
  t.equal(cache.bytes, 10)
  cache.delete('grows')
  t.equal(cache.bytes, 10)
  t.equal(cache.get('grows'), undefined)
  t.same(cache.values(), [{ bytes: 10 }])
  t.end()
})

t.test('measured cache - what is held stays, however much it is', t => {
  const cache = cacheOf(100)
  for (let i = 0; i < 50; i++) held.add(`held${i}`)
  for (const key of held) cache.add(key, { bytes: 50 })
  for (let i = 0; i < 200; i++) cache.add(`x${i}`, { bytes: 50 })
  t.equal([...held].filter(key => cache.peek(key) === undefined).length, 0)
  t.ok(cache.values().length < 60, 'the others go', { left: cache.values().length })
  held.clear()
  for (let i = 0; i < 200; i++) cache.add(`y${i}`, { bytes: 50 })
  t.ok(cache.bytes <= 150, 'and what is held no more', { bytes: cache.bytes })
  t.end()
})

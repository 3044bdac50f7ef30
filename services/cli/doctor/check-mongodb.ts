import { maxClockOffMs } from '../../../shared/contract/deadlines.js'
import { isLoopback } from '../../../shared/platform/settings/addresses.js'
import { withoutCredentials } from '../../../shared/platform/settings/fault.js'
import { shardKeyJson } from '../../../shared/store/mongodb-chunks.js'
import { linkOf } from '../../../shared/store/mongodb-connection.js'
import { inspectMongodb, type InspectedCollection } from '../../../shared/store/mongodb-inspect.js'
import { fail, isAtLeast, ok, reasonOf, warn, type Finding } from './finding.js'

const usualClockDifferenceMs = 500

export async function checkMongodb (url: string): Promise<Finding[]> {
  const unreachable = (error: unknown): Finding[] => [fail('mongodb', `not reached: ${withoutCredentials(reasonOf(error))}`, 'Check GATEPOST_MONGODB_URL, the login in it, and that the server runs')]
  let found
  try {
    found = await inspectMongodb({ url })
  } catch (error) {
    return unreachable(error)
  }
  if (!found.reachable) return unreachable(found.cause)
  const { version, kind, database, shards, collections, isMigrating, clockDifferenceMs, notes } = found
  return [
    isAtLeast(version, [4, 4]) === false
      ? fail('mongodb', `reached, ${kind}, version ${version}`, 'Use MongoDB 4.4 or later')
      : ok('mongodb', `reached, ${kind}, version ${version}, database ${database}`),
    ...kind === 'mongos' && shards.length === 0 && !notes.some(note => note.startsWith('the shards')) ? [fail('mongodb', 'this mongos has no shards', 'Add them (sh.addShard): until then nothing can be stored')] : [],
    ...kind === 'one server' ? [warn('majority', 'one server without a replica set', 'Use a replica set: with one server a lost disk loses messages')] : [],
    ...isMigrating ? [fail('migration', 'one into this database is not finished: no node serves it', 'Run `gatepost migrate` again, or drop the database to start anew')] : [],
    ...collections.flatMap(collection => [checkIndexes(collection), ...kind === 'mongos' ? [checkSharding(collection, shards)] : []]),
    ...checkLink(url),
    checkClock(clockDifferenceMs),
    ...notes.map(note => warn('mongodb', note, 'Give the login the right to read it, or look by hand'))
  ]
}

function checkLink (url: string): Finding[] {
  const { hosts, isEncrypted, hasLogin } = linkOf(url)
  if (hosts.every(isLoopback)) return []
  return [
    ...isEncrypted ? [] : [warn('mongodb link', 'it is not encrypted: whoever is between reads all mail and the login', 'Give MongoDB a certificate, and GATEPOST_MONGODB_URL tls=true')],
    ...hasLogin ? [] : [warn('mongodb login', 'GATEPOST_MONGODB_URL has none: whoever reaches MongoDB reads all mail', 'Start MongoDB with access control, and give GATEPOST_MONGODB_URL the login of a user of its own')]
  ]
}

function checkIndexes ({ name, exists, hasTtlIndex }: InspectedCollection): Finding {
  if (!exists) return ok('indexes', `${name}: not there yet, a node makes it with its TTL index at its start`)
  if (hasTtlIndex) return ok('indexes', `${name}: TTL index on purgeAt`)
  return warn('indexes', `${name}: no TTL index, so what has expired stays`, 'Start a node with the right to make indexes, or make it: { purgeAt: 1 }, expireAfterSeconds 0')
}

function checkSharding ({ name, exists, shardKey, chunksByShard }: InspectedCollection, shards: readonly string[]): Finding {
  if (!exists) return ok('shard key', `${name}: not there yet, a node shards it at its start`)
  if (shardKey === undefined) return warn('shard key', `${name}: not sharded, so all of it lies on one shard`, 'Start a node with the right to shard, or run sh.shardCollection on { _id: 1 }')
  if (shardKey !== shardKeyJson) return fail('shard key', `${name}: sharded on ${shardKey}`, 'It must be { _id: 1 }: start anew in another database')
  if (Object.keys(chunksByShard).length === 0) return warn('shard key', `${name}: { _id: 1 }, but config.chunks shows no chunk of it, so commands go to all shards`, 'Look into config.chunks, by uuid and (before MongoDB 5.0) by ns: where there is none the metadata of this cluster are damaged')
  const chunks = shards.map(shard => `${shard} ${chunksByShard[shard] ?? 0}`).join(', ')
  const empty = shards.filter(shard => chunksByShard[shard] === undefined)
  if (empty.length > 0) return warn('shard key', `${name}: { _id: 1 }, chunks: ${chunks}`, `Nothing lies on ${empty.join(', ')}: check that the balancer runs`)
  return ok('shard key', `${name}: { _id: 1 }, chunks: ${chunks}`)
}

function checkClock (differenceMs: number): Finding {
  const text = `the server's is ${Math.abs(Math.round(differenceMs))} ms ${differenceMs < 0 ? 'behind' : 'ahead of'} this machine's`
  const remedy = 'Let both be set by NTP'
  if (Math.abs(differenceMs) > maxClockOffMs) return fail('clock', text, `${remedy}: a node more than 5 s off is not ready`)
  return Math.abs(differenceMs) > usualClockDifferenceMs ? warn('clock', text, remedy) : ok('clock', text)
}

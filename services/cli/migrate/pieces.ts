/**
 * The keys of a store in pieces, by the first hexadecimal digit of their owner's hash: each is carried by itself, in the order of its
 * keys, and what is known of it is the last key that is there. Neighbours in the list lie far apart, so those that are under way
 * at once lie on different shards.
 */
import { collectionNames, type CollectionName, type KeyRange } from '../../../shared/store/store.js'

export interface Piece {
  /** As the record of a migration names it. */
  readonly name: string
  readonly collection: CollectionName
  readonly range: KeyRange
}

const digits = [...'0123456789abcdef']
/** Sorts after all keys that begin with the last digit. */
const end = 'g'
/** Each digit's bits from the other end: 0, 8, 4, c, 2 ... */
const farApart = digits.map((_, at) => [1, 2, 4, 8].reduce((sum, bit, place) => (at & bit) === 0 ? sum : sum + (8 >> place), 0))

export const pieces: readonly Piece[] = collectionNames.flatMap(collection => farApart.map(at => ({
  name: `${collection} ${digits[at]!}`, collection, range: { from: digits[at]!, to: digits[at + 1] ?? end }
})))

/** So many at once: enough to keep two shards and this process busy, few enough to be held in memory. */
const atOnce = 4

/** Each piece by itself, several at once. Rejects with the first failure, when those under way have ended. */
export async function eachPiece (work: (piece: Piece) => Promise<void>): Promise<void> {
  let next = 0
  let failure: { readonly cause: unknown } | undefined
  const worker = async (): Promise<void> => {
    for (let piece = pieces[next++]; piece !== undefined && failure === undefined; piece = pieces[next++]) {
      try {
        await work(piece)
      } catch (cause) { failure ??= { cause } }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  if (failure !== undefined) throw failure.cause
}

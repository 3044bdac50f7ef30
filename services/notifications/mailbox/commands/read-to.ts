/**
 * What marking all read comes to: in which streams a watermark is laid, and in which messages are marked one by one.
 *
 * A watermark of a category lies in the user's base document, which each mark writes, until all is marked read. A site may have a
 * category for each of its threads: with more than so many of a user's, messages are marked one by one, and that ends with the messages.
 */
import type { StreamId } from '../../../../shared/contract/names.js'
import type { Wanted } from '../queries/unread-of-category.js'
import { categoryWatermarks, marksByStream, type UserState } from '../state/user-state.js'
import type { Places } from '../unread/counts.js'

export interface ReadToQuery {
  readonly upTo: Readonly<Record<string, number>> | undefined
  readonly category: string | undefined
  /** Where a category's unread messages may lie; of the streams asked for each is in it. */
  readonly holding: ReadonlyMap<StreamId, Places> | undefined
  readonly maxCategoryWatermarks: number
}

export interface ReadToPlan {
  /** The watermarks to lay. */
  readonly readTo: Record<string, number>
  /** Without room for a watermark. */
  readonly crowded: readonly Wanted[]
}

/** `heads` are those of the streams asked for, in their order. */
export function planReadTo (state: UserState, asked: readonly StreamId[], heads: readonly number[], { upTo, category, holding, maxCategoryWatermarks }: ReadToQuery): ReadToPlan {
  const readTo: Record<string, number> = {}
  const crowded: Wanted[] = []
  const marks = marksByStream(state)
  let room = maxCategoryWatermarks - categoryWatermarks(state)
  for (const [i, stream] of asked.entries()) {
    const to = Math.min(heads[i]!, upTo?.[stream] ?? Infinity)
    const mark = state.readTo.get(stream)
    const ofCategory = category === undefined ? undefined : mark?.byCategory.get(category)
    const known = Math.max(mark?.seq ?? 0, ofCategory ?? 0)
    // Marks of single messages below the watermark may say otherwise: the watermark is laid again.
    if (to <= 0 || (to <= known && marks.get(stream)?.some(({ read }) => read === false) !== true)) continue
    if (category === undefined || ofCategory !== undefined || room-- > 0) readTo[stream] = to
    else crowded.push({ stream, category, to, places: holding!.get(stream)! })
  }
  return { readTo, crowded }
}

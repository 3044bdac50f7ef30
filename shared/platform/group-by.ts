/** Lists by key, as `Map.groupBy` makes them, which Node 20 does not have. */
export function groupBy<K, V> (items: Iterable<V>, keyOf: (item: V) => K): Map<K, V[]> {
  const lists = new Map<K, V[]>()
  for (const item of items) addTo(lists, keyOf(item), item)
  return lists
}

export function addTo<K, V> (lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

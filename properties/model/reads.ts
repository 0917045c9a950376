import { keyBytes, sameBytes, textOf } from './bytes.js'
import type { Read, ScanSpec } from './operations.js'
import { TREES } from './operations.js'
import type { SortedMap } from './sorted-map.js'
import type { BytesKeyspace, World } from './world.js'
import { rangeOf, same, sameKey, sameStore, sameValue, treeOf } from './world.js'

/** Does a read and compares what it answers. */
export function read(world: World, operation: Read): void {
  const { handle, live } = world.reader(operation.reader)
  const model = live()
  if (operation.type === 'trees') return same('trees', handle.trees().join(), model.names().join())
  if (operation.type === 'compareAll') return sameStore('compareAll', handle, model)
  const keyspace = treeOf(handle, operation.tree)
  const tree = model.read(TREES[operation.tree])
  switch (operation.type) {
    case 'at': return readAt(keyspace, tree, operation.position)
    case 'count': {
      const { range, text } = rangeOf(operation.range)
      const [from, to] = tree.span(text)
      return same('count', keyspace.count(range), to - from)
    }
    case 'entries': case 'keys': case 'values': return readScan(keyspace, tree, operation.type, operation.scan)
    default: return readKey(keyspace, tree, operation.type, keyBytes(operation.key))
  }
}

function readKey(keyspace: BytesKeyspace, tree: SortedMap, type: 'get' | 'has' | 'view' | 'valueLength' | 'rank', key: Uint8Array): void {
  const text = textOf(key)
  const expected = tree.get(text)
  switch (type) {
    case 'get': return sameValue('get', keyspace.get(key), expected)
    case 'has': return same('has', keyspace.has(key), expected !== undefined)
    case 'view': return same('view', keyspace.view(key, (bytes) => expected !== undefined && sameBytes(bytes, expected)), expected === undefined ? undefined : true)
    case 'valueLength': return same('valueLength', keyspace.valueLength(key), expected?.length)
    case 'rank': return same('rank', keyspace.rank(key), tree.rank(text))
  }
}

function readAt(keyspace: BytesKeyspace, tree: SortedMap, position: number): void {
  const index = position < 0 ? tree.size + position : position
  const entry = keyspace.at(position)
  sameKey('key of at', entry?.[0], tree.keys[index])
  sameValue('value of at', entry?.[1], tree.values[index])
}

/** The positions that a scan goes through. */
function positionsOf(tree: SortedMap, scan: ScanSpec): number[] {
  const [from, to] = tree.span(rangeOf(scan).text)
  const positions = Array.from({ length: to - from }, (_, i) => (scan.reverse === true ? to - 1 - i : from + i))
  const offset = scan.offset ?? 0
  return positions.slice(offset, scan.limit === undefined ? undefined : offset + scan.limit)
}

/** The options of a scan as the store takes them. */
export function optionsOf(scan: ScanSpec): Parameters<BytesKeyspace['entries']>[0] {
  const { reverse, limit, offset } = scan
  return {
    ...rangeOf(scan).range,
    ...(reverse === undefined ? {} : { reverse }),
    ...(limit === undefined ? {} : { limit }),
    ...(offset === undefined ? {} : { offset }),
  }
}

function readScan(keyspace: BytesKeyspace, tree: SortedMap, type: 'entries' | 'keys' | 'values', scan: ScanSpec): void {
  const options = optionsOf(scan)
  const positions = positionsOf(tree, scan)
  let at = 0
  if (type === 'keys') for (const key of keyspace.keys(options)) sameKey(`key ${at} of keys`, key, tree.keys[positions[at++]])
  if (type === 'values') for (const value of keyspace.values(options)) sameValue(`value ${at} of values`, value, tree.values[positions[at++]])
  if (type === 'entries') {
    for (const [key, value] of keyspace.entries(options)) {
      sameKey(`key ${at} of entries`, key, tree.keys[positions[at]])
      sameValue(`value ${at} of entries`, value, tree.values[positions[at++]])
    }
  }
  same(`number of ${type}`, at, positions.length)
}

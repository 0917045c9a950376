import { bytesOf, keyBytes, MAX_KEY, textOf, valueBytes } from './bytes.js'
import type { BatchItem, Bulk, Write } from './operations.js'
import { TREES } from './operations.js'
import type { ModelStore, SortedMap } from './sorted-map.js'
import type { Bytes, BytesKeyspace, Handle } from './world.js'
import { rangeOf, refused, same, treeOf } from './world.js'

type Item = { type: 'put'; key: Bytes; value: Bytes } | { type: 'delete'; key: Bytes }

/** Does a write on a transaction, or on a database as a transaction of its own, and on the model. */
export function write(handle: Handle, model: ModelStore, operation: Write): void {
  const name = TREES[operation.tree]
  if (operation.type === 'createTree') return same('createTree', handle.createTree(name), model.createTree(name))
  if (operation.type === 'dropTree') return same('dropTree', handle.dropTree(name), model.dropTree(name))
  const keyspace = treeOf(handle, operation.tree)
  switch (operation.type) {
    case 'put': {
      const key = keyBytes(operation.key)
      const value = valueBytes(operation.value)
      keyspace.put(key, value)
      return model.write(name).put(textOf(key), value)
    }
    case 'delete': {
      const key = keyBytes(operation.key)
      return same('delete', keyspace.delete(key), model.read(name).delete(textOf(key)))
    }
    case 'deleteRange': {
      const { range, text } = rangeOf(operation.range)
      return same('deleteRange', keyspace.deleteRange(range), model.read(name).deleteRange(text))
    }
    case 'batch': return batch(keyspace, model, name, operation.items.map(itemOf))
    case 'load': return load(keyspace, model, name, operation)
    case 'refused': return refuse(keyspace, operation.what)
    case 'bulk': return bulk(handle, model, operation)
  }
}

export function itemOf(item: BatchItem): Item {
  const key = keyBytes(item.key)
  return item.type === 'put' ? { type: 'put', key, value: valueBytes(item.value) } : { type: 'delete', key }
}

function batch(keyspace: BytesKeyspace, model: ModelStore, name: string, items: Item[]): void {
  keyspace.batch(items)
  modelBatch(model, name, items)
}

/** A tree that is not there is made by the first entry that stays. */
export function modelBatch(model: ModelStore, name: string, items: Item[]): void {
  const isNew = !model.trees.has(name)
  const tree = model.write(name)
  for (const item of items) {
    if (item.type === 'put') tree.put(textOf(item.key), item.value)
    else tree.delete(textOf(item.key))
  }
  if (isNew && tree.size === 0) model.dropTree(name)
}

function load(keyspace: BytesKeyspace, model: ModelStore, name: string, operation: Extract<Write, { type: 'load' }>): void {
  const entries = operation.entries.map(({ key, value }): [Bytes, Bytes] => [keyBytes(key), valueBytes(value)])
  if (operation.sorted) entries.sort((a, b) => Buffer.compare(a[0], b[0]))
  if (!operation.throws) return loadAll(keyspace, model, name, entries)
  const failure = new Error('the entries of this load end with an error')
  const failing = function* (): Generator<[Bytes, Bytes]> {
    yield* entries
    throw failure
  }
  try {
    keyspace.load(failing())
  } catch (error) {
    if (error === failure || (error as { code?: unknown }).code === 'COPPICE_UNSORTED') return
    throw error
  }
  throw new Error('load was done although its entries ended with an error')
}

/** Loads where the order is right; else the load must be refused and leave everything as it was. */
function loadAll(keyspace: BytesKeyspace, model: ModelStore, name: string, entries: [Bytes, Bytes][]): void {
  const keys = entries.map(([key]) => textOf(key))
  const greatest = model.read(name).keys.at(-1)
  const ordered = keys.every((key, i) => (i > 0 ? keys[i - 1] < key : greatest === undefined || greatest < key))
  if (!ordered) return refused('load', 'COPPICE_UNSORTED', () => keyspace.load(entries))
  same('load', keyspace.load(entries), entries.length)
  if (entries.length === 0) return
  const tree = model.write(name)
  keys.forEach((key, i) => tree.put(key, entries[i][1]))
}

function refuse(keyspace: BytesKeyspace, what: 'long key' | 'no key' | 'no value'): void {
  const key = Uint8Array.of(1)
  const nothing = undefined as unknown as Bytes
  const first: Item = { type: 'put', key, value: key }
  if (what === 'long key') {
    const long = new Uint8Array(MAX_KEY + 1)
    refused('put of a long key', 'COPPICE_KEY_TOO_LARGE', () => keyspace.put(long, key))
    refused('batch with a long key', 'COPPICE_KEY_TOO_LARGE', () => keyspace.batch([first, { type: 'delete', key: long }]))
    refused('load of a long key', 'COPPICE_KEY_TOO_LARGE', () => keyspace.load([[long, key]]))
  } else if (what === 'no key') {
    refused('put without a key', 'COPPICE_INVALID_KEY', () => keyspace.put(nothing, key))
    refused('delete without a key', 'COPPICE_INVALID_KEY', () => keyspace.delete(nothing))
  } else {
    refused('put without a value', 'COPPICE_INVALID_VALUE', () => keyspace.put(key, nothing))
    refused('batch without a value', 'COPPICE_INVALID_VALUE', () => keyspace.batch([first, { type: 'put', key, value: nothing }]))
  }
}

function bulk(handle: Handle, model: ModelStore, operation: Bulk): void {
  const name = TREES[operation.tree]
  const items = bulkItems(operation)
  if (operation.how === 'load') {
    const greatest = model.read(name).keys.at(-1)
    const entries = items.flatMap((item): [Bytes, Bytes][] => (item.type === 'put' ? [[item.key, item.value]] : []))
    // In their own order, and behind what is there, so that most loads are good ones.
    entries.sort((a, b) => Buffer.compare(a[0], b[0]))
    const from = greatest === undefined ? 0 : entries.findIndex(([key]) => Buffer.compare(key, bytesOf(greatest)) > 0)
    return loadAll(treeOf(handle, operation.tree), model, name, from === -1 ? [] : entries.slice(from))
  }
  if (operation.how === 'batch') return batch(treeOf(handle, operation.tree), model, name, items)
  if ('transaction' in handle) return handle.transaction((tx) => one(tx, model, operation, items))
  one(handle, model, operation, items)
}

function one(handle: Handle, model: ModelStore, operation: Bulk, items: Item[]): void {
  const keyspace = treeOf(handle, operation.tree)
  const name = TREES[operation.tree]
  const read: SortedMap = model.read(name)
  for (const item of items) {
    if (item.type === 'put') {
      keyspace.put(item.key, item.value)
      model.write(name).put(textOf(item.key), item.value)
    } else same('delete', keyspace.delete(item.key), read.delete(textOf(item.key)))
  }
}

function bulkItems(operation: Bulk): Item[] {
  const { family, how, order, start, step, count, value } = operation
  const items = Array.from({ length: count }, (_, i): Item => {
    const key = keyBytes({ family, n: start + step * i })
    if (how === 'delete') return { type: 'delete', key }
    return { type: 'put', key, value: valueBytes({ length: value.length, seed: (value.seed + i) & 0xff }) }
  })
  if (order === 'descending') items.reverse()
  return order === 'scrambled' ? scrambled(items) : items
}

/** All of them once, in an order that jumps about. */
function scrambled(items: Item[]): Item[] {
  let stride = Math.floor(items.length * 0.618) | 1
  while (gcd(stride, items.length) > 1) stride += 2
  return items.map((_, i) => items[(i * stride) % items.length])
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

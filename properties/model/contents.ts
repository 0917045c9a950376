/** All that a store or a model holds, in a form that is quick to compare. */
import { textOf } from './bytes.js'
import type { ModelStore } from './sorted-map.js'
import type { BytesKeyspace, Handle } from './world.js'
import { BINARY } from './world.js'

/** One string: equal for equal stores, and for no others. */
export function printOf(handle: Handle): string {
  let print = ''
  for (const name of ['', ...handle.trees()]) {
    const tree = treeNamed(handle, name)
    print += `${name}:${tree.count()}\n`
    for (const [key, value] of tree.entries()) print += entry(textOf(key), value)
  }
  return print
}

function treeNamed(handle: Handle, name: string): BytesKeyspace {
  if (name === '') return handle
  return 'transaction' in handle ? handle.tree(name, BINARY) : handle.tree(name, BINARY)
}

const prints = new WeakMap<ModelStore, string>()

/** The same for a model, which must not change any more. */
export function printOfModel(model: ModelStore): string {
  let print = prints.get(model)
  if (print === undefined) {
    print = ''
    for (const name of ['', ...model.names()]) {
      const { keys, values } = model.read(name)
      print += `${name}:${keys.length}\n`
      keys.forEach((key, i) => (print += entry(key, values[i])))
    }
    prints.set(model, print)
  }
  return print
}

function entry(key: string, value: Uint8Array): string {
  return `${key.length},${value.length}:${key}${textOf(value)}\n`
}

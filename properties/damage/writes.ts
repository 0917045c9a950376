/** Writes to a damaged store: each succeeds or ends in an error of damage, and then has done nothing. */
import type { ErrorCode } from '../../src/index.js'
import type { Content, Text } from './content.js'
import { copyOf, TEXT, treeOf } from './content.js'
import type { Dice } from './dice.js'
import type { Judge } from './judge.js'

/** What writing to a damaged store may throw. */
const WRITING: readonly ErrorCode[] = ['COPPICE_CORRUPT', 'COPPICE_TOO_LARGE']

/** A write, to the store and to what is known of its content. */
interface Write {
  what: string
  store(db: Text): unknown
  model(content: Content): void
}

/** Trees and keys to write to. */
interface Aims {
  dice: Dice
  names: (string | undefined)[]
  keys(name: string | undefined): string[]
}

function put(content: Content, name: string | undefined, key: string, value: string): void {
  const entries = content.get(name) ?? new Map<string, string>()
  content.set(name, entries.set(key, value))
}

function aKey({ dice, keys }: Aims, name: string | undefined): string {
  const known = keys(name)
  if (known.length === 0 || dice.chance(0.2)) return `new ${dice.below(1000)}`
  const key = dice.pick(known)
  return dice.chance(0.3) ? `${key}${dice.below(10)}`.slice(0, 2048) : key
}

function putWrite(aims: Aims): Write {
  const name = aims.dice.pick(aims.names)
  const key = aKey(aims, name)
  const value = 'p'.repeat(aims.dice.pick([0, 10, 300, 1900, 2100, 9000]))
  return { what: 'put', store: (db) => treeOf(db, name).put(key, value), model: (content) => put(content, name, key, value) }
}

function manyWrite(aims: Aims): Write {
  const changes = Array.from({ length: 20 }, (_, i) => {
    const name = aims.dice.pick(aims.names)
    return { name, key: aKey(aims, name), value: i % 4 === 0 ? undefined : 'm'.repeat(aims.dice.below(400)) }
  })
  return {
    what: 'a transaction of many writes',
    store: (db) => db.transaction((tx) => {
      for (const { name, key, value } of changes) {
        const tree = name === undefined ? tx : tx.tree<string, string>(name, TEXT)
        if (value === undefined) tree.delete(key)
        else tree.put(key, value)
      }
    }),
    model: (content) => {
      for (const { name, key, value } of changes) {
        if (value === undefined) content.get(name)?.delete(key)
        else put(content, name, key, value)
      }
    },
  }
}

function deleteWrite(aims: Aims): Write {
  const name = aims.dice.pick(aims.names)
  const key = aKey(aims, name)
  return { what: 'delete', store: (db) => treeOf(db, name).delete(key), model: (content) => void content.get(name)?.delete(key) }
}

function rangeWrite(aims: Aims): Write {
  const name = aims.dice.pick(aims.names)
  const [gte, lt] = [aKey(aims, name), aKey(aims, name)].sort()
  return {
    what: 'deleteRange',
    store: (db) => treeOf(db, name).deleteRange({ gte, lt }),
    model: (content) => {
      for (const key of [...(content.get(name)?.keys() ?? [])]) if (gte <= key && key < lt) content.get(name)?.delete(key)
    },
  }
}

function treeWrite(aims: Aims): Write {
  const name = aims.names.length > 1 && aims.dice.chance(0.7) ? aims.names[1 + aims.dice.below(aims.names.length - 1)] : 'made now'
  if (name === undefined || aims.dice.chance(0.4)) {
    const made = name ?? 'made now'
    return { what: 'createTree', store: (db) => db.createTree(made), model: (content) => void content.set(made, content.get(made) ?? new Map()) }
  }
  return { what: 'dropTree', store: (db) => db.dropTree(name), model: (content) => void content.delete(name) }
}

function aimsOf(judge: Judge, probes: Content, dice: Dice): Aims {
  const known = judge.content ?? probes
  return { dice, names: [undefined, ...[...known.keys()].filter((name) => name !== undefined && name !== '')], keys: (name) => [...(known.get(name)?.keys() ?? [])] }
}

/** Does a handful of writes of every kind, and keeps what the judge knows of the content up with them. */
export function write(judge: Judge, probes: Content, dice: Dice): void {
  if (judge.content !== undefined) judge.content = copyOf(judge.content)
  const kinds = [putWrite, manyWrite, deleteWrite, rangeWrite, treeWrite, putWrite]
  for (const kind of kinds) {
    const { what, store, model } = kind(aimsOf(judge, probes, dice))
    const done = judge.attempt(what, () => store(judge.db), WRITING)
    if (done !== undefined && judge.content !== undefined) model(judge.content)
  }
}

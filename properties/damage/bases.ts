/** The stores that are damaged: valid files of every kind, with all that they were before. */
import type { Transaction } from '../../src/index.js'
import { encodeMeta, decodeMeta } from '../../src/page/meta.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { emptyImage, FaultyFile, fileOf, imageOf, openOn } from '../../test/faulty-file.js'
import type { Anatomy } from './anatomy.js'
import { anatomyOf } from './anatomy.js'
import type { Content, Text } from './content.js'
import { contentOf, TEXT } from './content.js'
import { Dice } from './dice.js'

export interface Base {
  name: string
  image: Uint8Array
  /** The file as it was after earlier commits, oldest first. */
  generations: Uint8Array[]
  /** What each commit left, by its transaction id. */
  contents: Map<number, Content>
  anatomy: Anatomy
  /** How often it is chosen, beside the others. */
  weight: number
}

type Tx = Transaction<string, string>

/** A store that grows commit by commit, and remembers each. */
class Growth {
  readonly db: Text
  readonly dice: Dice
  readonly generations: Uint8Array[] = []
  readonly contents = new Map<number, Content>()
  private readonly file: FaultyFile
  private readonly database: Uint8Array
  private readonly transaction: () => number

  constructor(seed: number, index: number, journalFrom: number | undefined) {
    this.dice = new Dice(seed, 1000 + index)
    this.database = this.dice.bytes(16)
    this.file = new FaultyFile(fileOf(this.pinned(emptyImage())))
    // Commits stay unsynced until `sync`, so that files differ that were closed and that were not.
    const { db, store } = openOn<string, string>(this.file, { ...TEXT, durability: 'lazy', syncInterval: 2 ** 30 }, journalFrom)
    this.db = db
    this.transaction = () => store.newest.meta.transaction
    this.remember()
  }

  commit(change: (tx: Tx) => void): void {
    this.db.transaction(change)
    this.remember()
  }

  private remember(): void {
    this.generations.push(this.image())
    this.contents.set(this.transaction(), contentOf(this.db))
  }

  image(): Uint8Array {
    return this.pinned(imageOf(this.file.inner))
  }

  /** The file once the store is closed, cleanly or by a crash of the process. */
  end(how: End): Uint8Array {
    const crashed = this.image()
    const newest = this.contents.get(this.transaction())
    if (how === 'unfinished') this.contents.delete(this.transaction())
    this.db.close()
    if (how === 'unfinished') return this.withoutPages(crashed)
    if (how === 'crashed') return crashed
    // What stood in the journal has become a checkpoint of its own.
    const image = this.pinned(this.file.left)
    if (newest !== undefined) this.contents.set(anatomyOf(image).meta.transaction, newest)
    return image
  }

  /** The file before the newest commit with the meta pages after it: what that commit wrote besides never reached the disk. */
  private withoutPages(image: Uint8Array): Uint8Array {
    // No page may be put back from the commit that never was.
    this.generations.pop()
    const before = this.generations[this.generations.length - 1].slice()
    before.set(image.subarray(0, META_SLOTS * PAGE_SIZE))
    return before
  }

  /** The same image whenever it is made: what is drawn or timed in meta pages is drawn from the seed. */
  private pinned(image: Uint8Array): Uint8Array {
    const result = image.slice()
    for (let slot = 0; slot < META_SLOTS; slot++) {
      const reading = decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot)
      if (reading.kind === 'valid') result.set(encodeMeta({ ...reading.meta, database: this.database, timestamp: 1_700_000_000_000 }, slot), slot * PAGE_SIZE)
    }
    return result
  }
}

function filler(i: number, length: number): string {
  return String.fromCharCode(33 + (i % 90)).repeat(length)
}

/** Ten keys in a row have most of their bytes in common, so that separators are long and few of them fit a branch. */
function longKey(i: number, length: number): string {
  return `${String(Math.floor(i / 10) * 37 % 100).padStart(2, '0')}${'~'.repeat(length)}${i % 10}`
}

/** So long that the catalog has two levels. */
function treeName(i: number): string {
  return `${i} tree ${'n'.repeat(600)}`
}

const tree = (tx: Tx, name: string) => tx.tree<string, string>(name, TEXT)

/** How a store came to be left: by a process that closed it, by one that crashed, or by a machine that did in the middle of a commit. */
type End = 'closed' | 'crashed' | 'unfinished'

type Kind = [name: string, weight: number, end: End, grow: (growth: Growth) => void, journalFrom?: number]

/** Changes of every kind that goes to the journal, to what `begin` made. */
function record(growth: Growth, i: number): void {
  growth.commit((tx) => {
    for (let j = 0; j < 5; j++) tx.put(longKey(7 * i + j, 300), filler(i + j, 200 + 100 * j))
    tx.delete(longKey(11 * i, 300))
    if (i % 2 === 0) for (let j = 0; j < 8; j++) tree(tx, 'side').put(`key ${i + j}`, filler(i + j, 700))
    if (i % 3 === 0) tx.deleteRange({ gte: longKey(5 * i, 300), lt: longKey(5 * i + 2, 300) })
  })
}

/** Two checkpoints, so that both have a journal, and records in that of the first. */
function begin(growth: Growth): void {
  growth.commit((tx) => { for (let i = 0; i < 60; i++) tx.put(longKey(i, 300), filler(i, 250)) })
  growth.commit((tx) => { for (let i = 0; i < 20; i++) tree(tx, 'side').put(`key ${i}`, filler(i, 300)) })
  record(growth, 1)
  growth.commit((tx) => { for (let i = 0; i < 3; i++) tx.put(`large ${i}`, filler(i, 3000 * (i + 1))) })
}

const KINDS: readonly Kind[] = [
  ['one leaf', 6, 'closed', (growth) => {
    for (let i = 0; i < 3; i++) {
      growth.commit((tx) => { for (let j = 0; j < 8; j++) tx.put(`${'abcdefgh'[j]}${'\0'.repeat(i)}`, filler(i + j, 10 * i)) })
      growth.commit((tx) => tx.put('large', filler(i, 5000 * (i + 1))))
    }
  }],
  ['two levels', 8, 'closed', (growth) => {
    growth.commit((tx) => { for (let i = 0; i < 160; i++) tx.put(`user:${i * 7919 % 1000}`, filler(i, growth.dice.below(120))) })
    growth.commit((tx) => { for (let i = 0; i < 160; i += 3) tx.delete(`user:${i * 7919 % 1000}`) })
    growth.commit((tx) => { for (let i = 0; i < 40; i++) tx.put(`user:${i}:name`, filler(i, 60)) })
  }],
  ['four levels', 8, 'closed', (growth) => {
    growth.commit((tx) => { for (let i = 0; i < 70; i++) tx.put(longKey(i, 900), filler(i, growth.dice.below(700))) })
    growth.commit((tx) => { for (let i = 0; i < 30; i++) tree(tx, 'side').put(longKey(i, 1200), filler(i, 200)) })
    growth.commit((tx) => { for (let i = 0; i < 70; i += 4) tx.put(longKey(i, 900), filler(i + 1, 300)) })
  }],
  ['many trees', 5, 'closed', (growth) => {
    for (let round = 0; round < 2; round++) {
      growth.commit((tx) => {
        for (let i = 0; i < 14; i++) {
          const name = treeName(i)
          if (i % 6 === 0) tx.createTree(name)
          else for (let j = 0; j <= i % 5; j++) tree(tx, name).put(`key ${j}`, filler(i + round, 40 * j))
        }
      })
    }
    growth.commit((tx) => { for (let i = 0; i < 14; i += 5) tx.dropTree(treeName(i)) })
    growth.commit((tx) => tree(tx, '1 tree after').put('large', filler(1, 9000)))
  }],
  ['large values', 6, 'closed', (growth) => {
    for (let round = 0; round < 3; round++) {
      growth.commit((tx) => { for (let i = round; i < 18; i += 2) tx.put(`${filler(i, 30)} large`, filler(i + round, 2100 + growth.dice.below(9000))) })
    }
    growth.commit((tx) => { for (let i = 0; i < 18; i += 5) tx.delete(`${filler(i, 30)} large`) })
  }],
  ['a free log', 1, 'closed', (growth) => {
    growth.commit((tx) => { for (let i = 0; i < 1000; i++) tx.put(`page ${i}`, filler(i, 2100)) })
    growth.commit((tx) => { for (let i = 1; i < 1000; i += 2) tx.delete(`page ${i}`) })
    growth.commit((tx) => { for (let i = 0; i < 1000; i += 2) if (i % 40 !== 0) tx.delete(`page ${i}`) })
    growth.commit((tx) => { for (let i = 0; i < 6; i++) tx.put(`later ${i}`, filler(i, 1000)) })
  }],
  ['not closed', 8, 'crashed', (growth) => {
    growth.commit((tx) => { for (let i = 0; i < 60; i++) tx.put(longKey(i, 300), filler(i, 250)) })
    growth.commit((tx) => { for (let i = 0; i < 20; i++) tree(tx, 'side').put(`key ${i}`, filler(i, 300)) })
    growth.db.sync()
    growth.commit((tx) => { for (let i = 0; i < 60; i += 3) tx.put(longKey(i, 300), filler(i + 1, 260)) })
    growth.commit((tx) => {
      for (let i = 0; i < 8; i++) tx.put(`large ${i}`, filler(i, 3000 * (i + 1)))
      for (let i = 0; i < 5; i++) tree(tx, 'new').put(`key ${i}`, filler(i, 900))
    })
  }],
  ['not finished', 6, 'unfinished', (growth) => {
    growth.commit((tx) => { for (let i = 0; i < 40; i++) tx.put(longKey(i, 300), filler(i, 250)) })
    growth.commit((tx) => { for (let i = 0; i < 20; i++) tree(tx, 'side').put(`key ${i}`, filler(i, 300)) })
    growth.commit((tx) => { for (let i = 0; i < 40; i += 2) tx.put(longKey(i, 300), filler(i + 1, 260)) })
    // The commit before the unfinished one is known to be durable: it must not be passed over too.
    growth.db.sync()
    growth.commit((tx) => { for (let i = 0; i < 40; i += 3) tx.put(longKey(i, 300), filler(i + 2, 270)) })
  }],
  ['a journal on the disk', 8, 'crashed', (growth) => {
    begin(growth)
    growth.db.sync()
    // All but the last record are known to be durable by the one that follows.
    for (let i = 2; i < 6; i++) {
      record(growth, i)
      growth.db.sync()
    }
  }, 3],
  ['a journal on its way', 8, 'crashed', (growth) => {
    begin(growth)
    for (let i = 2; i < 6; i++) record(growth, i)
  }, 3],
  ['emptied', 1, 'closed', (growth) => {
    for (let i = 0; i < 9; i++) growth.commit((tx) => tx.put(`key ${i}`, filler(i, 100)))
    growth.commit((tx) => tx.deleteRange({}))
  }],
]

function build(seed: number, [name, weight, end, grow, journalFrom]: Kind, index: number): Base {
  const growth = new Growth(seed, index, journalFrom)
  grow(growth)
  const image = growth.end(end)
  return { name, weight, image, generations: growth.generations, contents: growth.contents, anatomy: anatomyOf(end === 'unfinished' ? growth.generations[growth.generations.length - 1] : image) }
}

export function buildBases(seed: number): Base[] {
  return KINDS.map((kind, index) => build(seed, kind, index))
}

/** One damaged file, opened, read, checked, written to, copied, closed and opened again. */
import fs from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { CoppiceError, open } from '../../src/index.js'
import type { ErrorCode } from '../../src/index.js'
import { openFile } from '../../src/file/disk.js'
import type { StoreFile } from '../../src/file/file.js'
import { native } from '../../src/file/native.js'
import { META_SLOTS, PAGE_SIZE } from '../../src/page/layout.js'
import { decodeMeta } from '../../src/page/meta.js'
import type { Meta } from '../../src/page/meta.js'
import type { Commit } from '../../src/pager/recover.js'
import type { Store } from '../../src/pager/store.js'
import { FaultyFile, fileOf, imageOf, openOn } from '../../test/faulty-file.js'
import { journalPagesOf } from './anatomy.js'
import type { Case } from './cases.js'
import type { Content, Text } from './content.js'
import { TEXT } from './content.js'
import { Dice } from './dice.js'
import { Judge, Wrong } from './judge.js'
import { write } from './writes.js'

/** How a damaged file was met. */
export type Outcome = 'refused when opened' | 'errors when read' | 'all right'

/** What opening a damaged file may throw. */
const OPENING: readonly ErrorCode[] = ['COPPICE_CORRUPT', 'COPPICE_NOT_A_DATABASE']
/** ... and where checksums are right: a later version may have written that. */
const OPENING_SEALED: readonly ErrorCode[] = [...OPENING, 'COPPICE_VERSION']

const MIN_POOL = 2 ** 21
/** Cells of the least size that fit a page: no page has more entries. */
const PAGE_ENTRIES = 338

interface Opened {
  db: Text
  store: Store
  file: StoreFile
}

/** A file in memory that may be closed twice, as one on a disk may. */
class ClosableFile extends FaultyFile {
  private readonly forReading: boolean
  private closed = false

  constructor(image: Uint8Array, mapped: boolean, readOnly: boolean) {
    super(fileOf(image), mapped)
    this.forReading = readOnly
  }

  override get readOnly(): boolean {
    return this.forReading
  }

  override close(): void {
    if (!this.closed) super.close()
    this.closed = true
  }
}

/** Everything to do with one case. */
export class Trial {
  private readonly subject: Case
  private readonly dice: Dice
  private readonly path: string
  private readonly folder: string
  /** The entries of the undamaged file, for what to ask. */
  private readonly probes: Content
  private readonly files: StoreFile[] = []

  constructor(subject: Case, seed: number, folder: string) {
    this.subject = subject
    this.dice = new Dice(seed, subject.number, 77)
    this.folder = folder
    this.path = join(folder, 'store')
    this.probes = subject.base.contents.get(subject.base.anatomy.meta.transaction) ?? new Map()
  }

  async run(): Promise<Outcome> {
    try {
      return await this.tryAll()
    } finally {
      // A case that failed half-way leaves files open, and with them locks.
      for (const file of this.files) file.close()
    }
  }

  private async tryAll(): Promise<Outcome> {
    const { image, layer, exact } = this.subject
    if (layer.onDisk) fs.writeFileSync(this.path, image)
    const opened = this.open(image, exact ? OPENING : OPENING_SEALED)
    if (opened === undefined) return 'refused when opened'
    this.assertNoneNewer(image)
    const { db, store } = opened
    const judge = new Judge(db, exact ? this.contentOf(store.newest, image) : undefined, this.dice, this.limitFor(image))
    judge.read(this.probes, 5)
    const sound = judge.check()
    if (sound && judge.content === undefined) {
      judge.content = judge.learn()
      judge.read(this.probes, 2)
    }
    const outcome = judge.errors > 0 || !sound ? 'errors when read' : 'all right'
    if (this.dice.chance(0.2)) judge.attempt('stats', () => db.stats())
    if (this.dice.chance(0.04)) await this.backup(judge)
    if (this.dice.chance(0.01)) this.compact(judge)
    if (this.subject.readOnly) {
      judge.attempt('close', () => db.close())
      this.assertUnchanged(layer.onDisk ? fs.readFileSync(this.path) : (opened.file as FaultyFile).left, 'a store opened for reading')
    } else this.write(opened, judge)
    return outcome
  }

  /** Opens a file as it stands in its layer; undefined where it is refused, and then it has not been changed. */
  private open(image: Uint8Array, codes: readonly ErrorCode[]): Opened | undefined {
    // A file that is refused stays open until the end of the case, which changes nothing for it.
    const file = this.fileOf(image)
    this.files.push(file)
    try {
      return { ...openOn<string, string>(file, { ...TEXT, poolSize: MIN_POOL, readOnly: this.subject.readOnly }), file }
    } catch (error) {
      if (!(error instanceof CoppiceError) || !codes.includes(error.code)) throw new Wrong(`opening threw ${error instanceof Error ? error.stack : String(error)}`)
      this.assertUnchanged(imageOf(file), 'a file that was refused')
      return undefined
    }
  }

  private fileOf(image: Uint8Array): StoreFile {
    const { layer: { onDisk, mapped }, readOnly } = this.subject
    if (onDisk) {
      const file = openFile(this.path, { readOnly, mapper: mapped ? native()?.map : undefined, lock: true })
      // Nobody crashes here, so a sync would only take time.
      file.sync = () => undefined
      file.syncAsync = () => Promise.resolve()
      return file
    }
    return new ClosableFile(image, mapped, readOnly)
  }

  private assertUnchanged(now: Uint8Array, what: string): void {
    if (Buffer.compare(now, this.subject.image) !== 0) throw new Wrong(`${what} was changed`)
  }

  /** Whoever wrote a slot of a newer version knows of commits that this version cannot read. */
  private assertNoneNewer(image: Uint8Array): void {
    for (let slot = 0; slot < META_SLOTS; slot++) {
      const page = image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE)
      if (page.length === PAGE_SIZE && decodeMeta(page, slot).kind === 'newer') throw new Wrong(`a commit was opened beside meta slot ${slot} of a newer version`)
    }
  }

  /**
   * What the commit that was opened had left. An older one than the newest is right where newer meta pages are
   * or pages of the journal are gone, and wrong where one that is left says that a newer one was durable (I26, I30). Undefined where
   * the one meta page that is left is of another store.
   */
  private contentOf({ meta: { transaction, database }, base: checkpoint }: Commit, image: Uint8Array): Content | undefined {
    const { base } = this.subject
    const foreign = Buffer.compare(database, base.anatomy.meta.database) !== 0
    for (let slot = 0; slot < META_SLOTS; slot++) {
      const reading = decodeMeta(image.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE), slot)
      if (foreign && reading.kind === 'valid' && Buffer.compare(reading.meta.database, database) !== 0) throw new Wrong(`a commit of another store was opened, beside one of this store in meta slot ${slot}`)
      if (reading.kind === 'valid' && reading.meta.transaction === checkpoint) assertNoneDurable(image, reading.meta, transaction)
      if (reading.kind === 'valid' && reading.meta.durable > transaction) throw new Wrong(`transaction ${transaction} was opened, though meta slot ${slot} knows that ${reading.meta.durable} was durable`)
    }
    if (foreign) return undefined
    const content = base.contents.get(transaction)
    if (content === undefined) throw new Wrong(`transaction ${transaction} was opened, which never was`)
    return content
  }

  /** More entries than this a sound file cannot have. */
  private limitFor(image: Uint8Array): number {
    return PAGE_ENTRIES * (1024 + Math.ceil(image.length / PAGE_SIZE))
  }

  private write(opened: Opened, judge: Judge): void {
    const { layer } = this.subject
    write(judge, this.probes, this.dice)
    // What was damaged may be deleted by now.
    judge.errors = 0
    if (judge.content !== undefined && this.dice.chance(0.5)) judge.read(this.probes, 1)
    judge.check()
    judge.attempt('close', () => judge.db.close())
    if (this.dice.chance(0.3)) return
    const left = layer.onDisk ? fs.readFileSync(this.path) : (opened.file as FaultyFile).left
    const again = this.open(left, [])
    if (again === undefined) return
    const second = new Judge(again.db, judge.content, this.dice, this.limitFor(left))
    second.flawless = judge.flawless
    second.read(this.probes, 1)
    second.check()
    second.attempt('close', () => again.db.close())
  }

  /** A backup is a store of its own: whole, or there is none. */
  private async backup(judge: Judge): Promise<void> {
    const pieces: Uint8Array[] = []
    const stream = new Writable({ write: (piece: Uint8Array, _encoding, done) => (pieces.push(piece), done()) })
    const done = await judge.attemptAsync('backup', () => judge.db.backup(stream))
    if (done === undefined) return
    const copy = openOn<string, string>(fileOf(new Uint8Array(Buffer.concat(pieces))), { ...TEXT, poolSize: MIN_POOL }).db
    const second = new Judge(copy, judge.content, this.dice, this.limitFor(this.subject.image))
    second.flawless = judge.flawless
    second.read(this.probes, 1)
    second.check()
    copy.close()
  }

  private compact(judge: Judge): void {
    const path = join(this.folder, 'compact')
    try {
      if (judge.attempt('compactTo', () => judge.db.compactTo(path)) === undefined) return
      const copy = open<string, string>(path, TEXT)
      const second = new Judge(copy, judge.content, this.dice, this.limitFor(this.subject.image))
      second.read(this.probes, 1)
      second.check()
      if (!second.flawless) throw new Wrong('what compactTo wrote is damaged')
      copy.close()
    } finally {
      fs.rmSync(path, { force: true })
    }
  }
}

/** What the journal of a checkpoint knows to be durable is never passed over (I30). */
function assertNoneDurable(image: Uint8Array, checkpoint: Meta, transaction: number): void {
  for (const { page, content } of journalPagesOf(image, checkpoint)) {
    if (content.durable > transaction) throw new Wrong(`transaction ${transaction} was opened, though page ${page} of the journal knows that ${content.durable} was durable`)
  }
}

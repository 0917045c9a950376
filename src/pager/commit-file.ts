/**
 * The writes and syncs that make a commit one. Each counts or leaves no trace; where neither is sure no more commits are made.
 */
import { ioError } from '../errors.js'
import { PAGE_SIZE } from '../page/layout.js'
import type { Meta } from '../page/meta.js'
import { encodeMeta } from '../page/meta.js'
import type { Durability } from './durability.js'
import type { Journal } from './journal.js'
import type { Pager } from './pager.js'
import type { Commit } from './recover.js'

export class CommitFile {
  private readonly pager: Pager
  private readonly durability: Durability

  constructor(pager: Pager, durability: Durability) {
    this.pager = pager
    this.durability = durability
  }

  /** Writes a meta page to the slot whose turn it is, and answers its number; `newest` is the checkpoint before. */
  writeMeta(meta: Meta, newest: Commit): number {
    const slot = this.durability.slotFor()
    // One written in part may have replaced the newest checkpoint's, or may be whole already, as most of it is zeros: what was there is
    // put back, and synced before the pages of the commit that failed are used again.
    const before = newest.slot === slot ? encodeMeta(newest.meta, slot) : new Uint8Array(PAGE_SIZE)
    this.orTakeBack(
      () => this.pager.writeFile([encodeMeta(meta, slot)], slot * PAGE_SIZE),
      () => this.pager.writeFile([before], slot * PAGE_SIZE),
    )
    return slot
  }

  writeRecord(journal: Journal, transaction: number, record: Uint8Array): void {
    this.orTakeBack(
      () => journal.write(transaction, this.durability.durable, record),
      () => journal.erase(record.length),
    )
  }

  private orTakeBack(write: () => void, takeBack: () => void): void {
    try {
      write()
    } catch (error) {
      try {
        takeBack()
        this.pager.file.sync()
      } catch {
        throw this.durability.poison(error)
      }
      throw error
    }
  }

  /** After this every published commit is on the disk; one that is being made counts itself. */
  sync(): void {
    try {
      this.pager.file.sync()
    } catch (error) {
      throw this.durability.poison(ioError(error, `syncing ${this.pager.file.path}`))
    }
    this.durability.reachedNewest()
  }
}

/** What a shell has open: a store, a tree in it, and perhaps a transaction. */
import type { Keyspace, Transaction } from '../../index.js'
import { UsageError } from '../command.js'
import type { ByteStore } from '../store.js'
import { namedTree, quoted, shownName } from '../store.js'

export class Session {
  readonly db: ByteStore
  /** The columns of the terminal that answers are cut to; undefined where nothing is cut. */
  readonly width: number | undefined
  /** The named tree that is used, or undefined for the default one. */
  private treeName: string | undefined
  /** True when the shell is to end. */
  ended = false
  private remarks: string[] = []
  private tx: Transaction<Uint8Array, Uint8Array> | undefined

  constructor(db: ByteStore, width: number | undefined) {
    this.db = db
    this.width = width
  }

  /** Says a line of talk, behind the answer. */
  say(line: string): void {
    this.remarks.push(line)
  }

  /** What has been said since it was asked last. */
  takeRemarks(): string[] {
    const { remarks } = this
    this.remarks = []
    return remarks
  }

  get inTransaction(): boolean {
    return this.tx !== undefined
  }

  /** What the commands work with: the tree, in the transaction where one is open. */
  get tree(): Keyspace<Uint8Array, Uint8Array> {
    return this.treeOf(this.treeName)
  }

  treeOf(name: string | undefined): Keyspace<Uint8Array, Uint8Array> {
    if (name === undefined) return this.tx ?? this.db
    return this.tx === undefined ? namedTree(this.db, name) : this.tx.tree<Uint8Array, Uint8Array>(name, { keyEncoding: 'binary' })
  }

  /** Goes to a tree, which need not be there. */
  use(name: string | undefined): void {
    // Asking for the tree refuses what cannot be a name.
    this.treeOf(name)
    if (name !== undefined && !this.trees().includes(name)) this.say(`there is no tree ${quoted(name)} yet; the first put makes it`)
    this.treeName = name
  }

  trees(): string[] {
    return (this.tx ?? this.db).trees()
  }

  begin(): void {
    if (this.tx !== undefined) throw new UsageError('a transaction is open already. End it with commit or rollback.')
    this.tx = this.db.begin()
  }

  commit(): void {
    this.end('commit').commit()
  }

  rollback(): void {
    this.end('rollback').rollback()
  }

  private end(how: string): Transaction<Uint8Array, Uint8Array> {
    const { tx } = this
    if (tx === undefined) throw new UsageError(`there is no transaction to ${how}. Begin one with begin.`)
    this.tx = undefined
    return tx
  }

  /** Ends whatever is open; answers whether a transaction was. */
  close(): boolean {
    if (this.tx === undefined) return false
    this.rollback()
    return true
  }

  /** What stands before the line that is being typed. */
  get prompt(): string {
    const tree = this.treeName === undefined ? '' : ` ${shownName(this.treeName)}`
    return `coppice${tree}${this.inTransaction ? ' (transaction)' : ''}> `
  }
}

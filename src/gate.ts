/** One writer at a time: who comes second waits in line, or is told that the store is busy. */
import { CoppiceError } from './errors.js'

export class WriterGate {
  private busy = false
  private readonly line: (() => void)[] = []

  /** Enters at once or throws `COPPICE_BUSY`. */
  enter(): void {
    if (!this.enterIfFree()) {
      throw new CoppiceError(
        'COPPICE_BUSY',
        'a write transaction is open already, and there is one writer at a time. Write through that transaction, end it first, or use transactionAsync, putAsync, deleteAsync or batchAsync, which wait for their turn.',
      )
    }
  }

  /** Enters where nobody is in; answers whether. */
  enterIfFree(): boolean {
    if (this.busy) return false
    this.busy = true
    return true
  }

  /** Enters when everybody who came before has left. */
  async enterInTurn(): Promise<void> {
    // Whoever leaves stays in for the next in line.
    if (!this.enterIfFree()) await new Promise<void>((resolve) => this.line.push(resolve))
  }

  get isBusy(): boolean {
    return this.busy
  }

  /** Leaves; the next in line is in from this moment on, so that nobody slips in between. */
  leave(): void {
    const next = this.line.shift()
    if (next === undefined) this.busy = false
    else next()
  }
}

/** The file of a life. */
import type { DiskEvent } from '../../src/crash/disk.js'
import { fileFrom, SimulatedFile } from '../../src/crash/file.js'
import type { Past } from './life.js'
import { STORE } from './life.js'

/**
 * It begins with what the machine shows of it. A failed sync of an earlier process may have lost growth of it for
 * good; as on real systems, a later write there brings that back.
 */
export class LivingFile extends SimulatedFile {
  /** Length once what is pending has got to the disk. */
  private lasting: number

  constructor({ disk, cache }: Past, log: DiskEvent[]) {
    super(fileFrom(cache, STORE), log, STORE)
    this.lasting = disk.shown().file(STORE).length
  }

  override write(sources: readonly Uint8Array[], position: number): void {
    const end = position + sources.reduce((sum, source) => sum + source.length, 0)
    if (end <= this.size() && end > this.lasting) this.log.push({ type: 'length', file: STORE, length: end })
    super.write(sources, position)
    this.lasting = Math.max(this.lasting, end)
  }
}

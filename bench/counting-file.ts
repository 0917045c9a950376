import type { StoreFile } from '../src/file/file.js'

/** A file that counts what goes through it. */
export class CountingFile implements StoreFile {
  readonly path: string
  readonly readOnly: boolean
  private readonly inner: StoreFile
  writes = 0
  bytesWritten = 0
  syncs = 0

  constructor(inner: StoreFile) {
    this.inner = inner
    this.path = inner.path
    this.readOnly = inner.readOnly
  }

  reset(): void {
    this.writes = 0
    this.bytesWritten = 0
    this.syncs = 0
  }

  size(): number {
    return this.inner.size()
  }

  reserve(bytes: number): void {
    this.inner.reserve(bytes)
  }

  window(index: number): ArrayBuffer | undefined {
    return this.inner.window(index)
  }

  read(target: Uint8Array, position: number): void {
    this.inner.read(target, position)
  }

  write(sources: readonly Uint8Array[], position: number): void {
    this.writes++
    for (const source of sources) this.bytesWritten += source.length
    this.inner.write(sources, position)
  }

  sync(): void {
    this.syncs++
    this.inner.sync()
  }

  syncAsync(): Promise<void> {
    this.syncs++
    return this.inner.syncAsync()
  }

  resize(bytes: number): void {
    this.inner.resize(bytes)
  }

  close(): void {
    this.inner.close()
  }
}

/** Reads and writes of any length through a descriptor. */
import fs from 'node:fs'

/** IOV_MAX of Linux and macOS: what one system call takes, so that a call of ours is one of the system's. */
const MAX_BUFFERS = 1024

/** Linux moves at most 2 GiB - 4 KiB a call, macOS refuses more than 2 GiB - 1, Node checks for 2 GiB - 1. */
const MAX_BYTES = 1 << 30

/** An error like those of Node's own system calls, for what only we find out. */
export function systemError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}

/** The error of a read that finds the end of the file before it has found all its bytes. */
export function endOfFile(path: string, length: number, position: number): NodeJS.ErrnoException {
  return systemError('EIO', `${path} ends before the ${length} bytes from byte ${position} on could be read`)
}

/** Fills `target`, all of it or throws. */
export function readAll(descriptor: number, path: string, target: Uint8Array, position: number): void {
  let done = 0
  while (done < target.length) {
    const length = Math.min(target.length - done, MAX_BYTES)
    const count = fs.readSync(descriptor, target, done, length, position + done)
    if (count === 0) throw endOfFile(path, target.length, position)
    done += count
  }
}

/** Writes the buffers one behind the other, all of them or throws. */
export function writeAll(descriptor: number, path: string, sources: readonly Uint8Array[], position: number): void {
  // The next byte to write is byte `offset` of source `index`.
  let index = 0
  let offset = 0
  while (index < sources.length) {
    if (offset === sources[index].length) {
      index += 1
      offset = 0
      continue
    }
    const count = writeSome(descriptor, sources, index, offset, position)
    // A system that takes nothing and reports nothing would keep us here for ever.
    if (count === 0) throw systemError('EIO', `the system wrote nothing at byte ${position} of ${path}`)
    position += count
    let left = count
    while (left > 0) {
      const step = Math.min(left, sources[index].length - offset)
      left -= step
      offset += step
      if (offset === sources[index].length) {
        index += 1
        offset = 0
      }
    }
  }
}

/** Writes what one call takes, and answers how many bytes that were. */
function writeSome(descriptor: number, sources: readonly Uint8Array[], index: number, offset: number, position: number): number {
  const first = sources[index]
  if (index === sources.length - 1 || first.length - offset >= MAX_BYTES) {
    return fs.writeSync(descriptor, first, offset, Math.min(first.length - offset, MAX_BYTES), position)
  }
  const batch: Uint8Array[] = [offset === 0 ? first : first.subarray(offset)]
  let bytes = batch[0].length
  for (let next = index + 1; next < sources.length && batch.length < MAX_BUFFERS; next++) {
    bytes += sources[next].length
    if (bytes > MAX_BYTES) break
    batch.push(sources[next])
  }
  return fs.writevSync(descriptor, batch, position)
}

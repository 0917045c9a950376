/** What every file layer promises, whether its pages are mapped, read or in memory only. */
import { describe, expect, it } from 'vitest'
import { WINDOW_SIZE } from '../../src/file/file.js'
import { codeOf, GIB, layers, PAGE, pattern, readBack, same, windowBytes } from './layers.js'

describe.each(layers)('a file, $name', ({ available, windows, create }) => {
  describe.skipIf(!available)('reads and writes', () => {
    it('is empty at first', () => {
      expect(create().size()).toBe(0)
    })

    it('reads back what was written, at any place and length', () => {
      const file = create()
      file.write([pattern(3 * PAGE)], 0)
      file.write([pattern(100, 2)], PAGE - 50)
      const expected = pattern(3 * PAGE)
      expected.set(pattern(100, 2), PAGE - 50)
      expect(readBack(file, 0, 3 * PAGE)).toEqual(expected)
      expect(readBack(file, 17, 5000)).toEqual(expected.subarray(17, 5017))
      expect(file.size()).toBe(3 * PAGE)
    })

    it('writes buffers one behind the other, empty ones among them', () => {
      const file = create()
      const lengths = [0, PAGE, 1, 0, 0, 3 * PAGE, 17, 0]
      const sources = lengths.map((length, seed) => pattern(length, seed))
      file.write(sources, 1000)
      const joined = Buffer.concat(sources)
      expect(Buffer.from(readBack(file, 1000, joined.length))).toEqual(joined)
      expect(file.size()).toBe(1000 + joined.length)
    })

    it('writes more buffers than one system call takes', () => {
      const file = create()
      const sources = Array.from({ length: 3000 }, (_, seed) => pattern(seed % 97, seed))
      file.write(sources, PAGE)
      const joined = Buffer.concat(sources)
      expect(same(readBack(file, PAGE, joined.length), joined)).toBe(true)
    })

    it('writes parts of larger buffers', () => {
      const file = create()
      const whole = pattern(4 * PAGE)
      file.write([whole.subarray(10, 20), whole.subarray(PAGE, 2 * PAGE), whole.subarray(5, 5)], 0)
      expect(readBack(file, 0, 10)).toEqual(whole.slice(10, 20))
      expect(readBack(file, 10, PAGE)).toEqual(whole.slice(PAGE, 2 * PAGE))
    })

    it('changes nothing when there is nothing to write', () => {
      const file = create()
      file.write([], 10 * PAGE)
      file.write([new Uint8Array(0)], 10 * PAGE)
      file.write([new Uint8Array(0), new Uint8Array(0)], 10 * PAGE)
      expect(file.size()).toBe(0)
      expect(() => file.read(new Uint8Array(0), PAGE)).not.toThrow()
    })

    it('leaves zeros where nothing was written', () => {
      const file = create()
      file.write([pattern(10)], 100_000)
      expect(readBack(file, 0, 100_000).every((byte) => byte === 0)).toBe(true)
      expect(file.size()).toBe(100_010)
    })

    it('throws EIO for a read that reaches past the end', () => {
      const file = create()
      expect(codeOf(() => file.read(new Uint8Array(1), 0))).toBe('EIO')
      file.write([pattern(PAGE)], 0)
      expect(codeOf(() => file.read(new Uint8Array(PAGE), 1))).toBe('EIO')
      expect(codeOf(() => file.read(new Uint8Array(1), PAGE))).toBe('EIO')
      expect(codeOf(() => file.read(new Uint8Array(1), 100 * PAGE))).toBe('EIO')
      expect(() => file.read(new Uint8Array(PAGE), 1)).toThrow(/ends before the 4096 bytes from byte 1 on/)
    })
  })

  describe.skipIf(!available)('changes its length', () => {
    it('grows by a hole of zeros', () => {
      const file = create()
      file.write([pattern(PAGE)], 0)
      file.resize(100 * PAGE)
      expect(file.size()).toBe(100 * PAGE)
      expect(readBack(file, 0, PAGE)).toEqual(pattern(PAGE))
      expect(readBack(file, PAGE, 99 * PAGE).every((byte) => byte === 0)).toBe(true)
    })

    it('forgets what was cut off, also when it grows again', () => {
      const file = create()
      file.write([pattern(10 * PAGE)], 0)
      file.resize(3 * PAGE + 5)
      expect(file.size()).toBe(3 * PAGE + 5)
      expect(codeOf(() => file.read(new Uint8Array(1), 3 * PAGE + 5))).toBe('EIO')
      file.resize(10 * PAGE)
      expect(readBack(file, 0, 3 * PAGE + 5)).toEqual(pattern(10 * PAGE).slice(0, 3 * PAGE + 5))
      expect(readBack(file, 3 * PAGE + 5, 6 * PAGE).every((byte) => byte === 0)).toBe(true)
    })

    it('does not become longer by being reserved', () => {
      const file = create()
      file.reserve(1_000_000)
      expect(file.size()).toBe(0)
    })

    it('reads and writes past 1 GiB, and across that border', () => {
      const file = create()
      file.resize(GIB + 16 * PAGE)
      file.write([pattern(PAGE), pattern(PAGE, 2)], GIB - 1000)
      expect(readBack(file, GIB - 1000, PAGE)).toEqual(pattern(PAGE))
      expect(readBack(file, GIB - 1000 + PAGE, PAGE)).toEqual(pattern(PAGE, 2))
      expect(readBack(file, GIB + 12 * PAGE, PAGE)).toEqual(new Uint8Array(PAGE))
      expect(file.size()).toBe(GIB + 16 * PAGE)
    })
  })

  if (windows === 'none') describe.skipIf(!available)('without a map', () => {
    it('offers no window', () => {
      const file = create()
      file.write([pattern(PAGE)], 0)
      file.reserve(PAGE)
      expect(file.window(0)).toBeUndefined()
    })
  })

  if (windows !== 'none') describe.skipIf(!available)('offers windows', () => {
    it('has none before they are reserved past byte 0', () => {
      const file = create()
      file.reserve(0)
      expect(file.window(0)).toBeUndefined()
    })

    it('shows in the window what is written afterwards', () => {
      const file = create()
      file.reserve(4 * PAGE)
      file.write([pattern(4 * PAGE)], 0)
      expect(windowBytes(file, 0, 0, 4 * PAGE)).toEqual(pattern(4 * PAGE))
      const view = windowBytes(file, 0, PAGE, PAGE)
      file.write([pattern(PAGE, 7)], PAGE)
      expect(view).toEqual(pattern(PAGE, 7))
    })

    it('covers window 1 past 1 GiB', () => {
      const file = create()
      file.resize(GIB + 4 * PAGE)
      file.write([pattern(PAGE, 3)], GIB + PAGE)
      file.reserve(GIB + 4 * PAGE)
      expect(file.window(0)?.byteLength).toBe(WINDOW_SIZE)
      expect(windowBytes(file, 1, PAGE, PAGE)).toEqual(pattern(PAGE, 3))
      expect(windowBytes(file, 1, 2 * PAGE, PAGE)).toEqual(new Uint8Array(PAGE))
      expect(file.window(2)).toBeUndefined()
    })

    it('leaves old views valid after it has grown and after it was closed', () => {
      const file = create()
      file.write([pattern(PAGE)], 0)
      file.reserve(PAGE)
      const view = windowBytes(file, 0, 0, PAGE)
      file.write([pattern(2_000_000, 2)], PAGE)
      file.reserve(PAGE + 2_000_000)
      expect(view).toEqual(pattern(PAGE))
      expect(same(windowBytes(file, 0, PAGE, 2_000_000), pattern(2_000_000, 2))).toBe(true)
      file.close()
      expect(view).toEqual(pattern(PAGE))
      expect(file.window(0)).toBeUndefined()
    })
  })

  if (windows === 'fixed') describe.skipIf(!available)('maps more than there is', () => {
    it('and shows growth there without mapping again', () => {
      const file = create()
      file.reserve(1)
      const window = file.window(0)
      expect(window?.byteLength).toBe(2 ** 20)
      for (let size = PAGE; size <= 256 * PAGE; size *= 2) {
        file.write([pattern(PAGE, size)], size - PAGE)
        file.reserve(size)
        expect(windowBytes(file, 0, size - PAGE, PAGE)).toEqual(pattern(PAGE, size))
      }
      expect(file.window(0)).toBe(window)
    })

    it('and maps a window anew when it outgrows its map, three times at most; the old maps stay valid', () => {
      const file = create()
      file.write([pattern(PAGE)], 0)
      const views: Uint8Array[] = []
      for (const [size, length] of [[1, 20], [2 ** 20, 20], [2 ** 20 + 1, 24], [2 ** 24, 24], [2 ** 24 + 1, 27], [2 ** 27, 27], [2 ** 27 + 1, 30], [GIB, 30]]) {
        file.reserve(size)
        expect(file.window(0)?.byteLength, `${size} bytes`).toBe(2 ** length)
        views.push(windowBytes(file, 0, 0, PAGE))
      }
      expect(new Set(views.map((view) => view.buffer)).size).toBe(4)
      file.write([pattern(PAGE, 8)], 0)
      for (const view of views) expect(view).toEqual(pattern(PAGE, 8))
    })
  })

  if (windows === 'replaced') describe.skipIf(!available)('replaces its buffer', () => {
    it('doubles the buffer from 64 KiB and never touches the old one again', () => {
      const file = create()
      file.write([pattern(PAGE)], 0)
      const old = file.window(0)
      expect(old?.byteLength).toBe(65_536)
      file.write([pattern(65_536, 2)], PAGE)
      expect(file.window(0)?.byteLength).toBe(131_072)
      file.write([pattern(PAGE, 9)], 0)
      expect(new Uint8Array(old as ArrayBuffer, 0, PAGE)).toEqual(pattern(PAGE))
      expect(windowBytes(file, 0, 0, PAGE)).toEqual(pattern(PAGE, 9))
      expect(same(windowBytes(file, 0, PAGE, 65_536), pattern(65_536, 2))).toBe(true)
    })

    it('answers ENOSPC and stays as it was where the memory is not there', () => {
      const file = create()
      file.write([pattern(PAGE)], 0)
      const before = file.window(0)
      const real = globalThis.ArrayBuffer
      try {
        globalThis.ArrayBuffer = function refuse() {
          throw new RangeError('Array buffer allocation failed')
        } as unknown as ArrayBufferConstructor
        expect(codeOf(() => file.resize(GIB))).toBe('ENOSPC')
      } finally {
        globalThis.ArrayBuffer = real
      }
      expect(file.size()).toBe(PAGE)
      expect(file.window(0)).toBe(before)
    })
  })

  describe.skipIf(!available)('syncs and closes', () => {
    it('syncs, on return and in the thread pool', async () => {
      const file = create()
      file.write([pattern(PAGE)], 0)
      file.sync()
      await Promise.all([file.syncAsync(), file.syncAsync()])
    })

    it('may be closed twice', () => {
      const file = create()
      file.close()
      expect(() => file.close()).not.toThrow()
    })

    it('may be closed while it syncs', async () => {
      const file = create()
      file.write([pattern(PAGE)], 0)
      const syncs = [file.syncAsync(), file.syncAsync()]
      file.close()
      file.close()
      await expect(Promise.all(syncs)).resolves.toBeDefined()
    })

    it('throws EBADF for every use after it was closed', async () => {
      const file = create()
      file.close()
      const uses = [
        () => file.size(),
        () => file.reserve(1),
        () => file.read(new Uint8Array(1), 0),
        () => file.write([pattern(1)], 0),
        () => file.sync(),
        () => file.resize(1),
      ]
      expect(uses.map(codeOf)).toEqual(uses.map(() => 'EBADF'))
      await expect(file.syncAsync()).rejects.toMatchObject({ code: 'EBADF' })
    })
  })
})

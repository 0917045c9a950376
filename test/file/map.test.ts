/** What the mappers promise: how far they reach, what they do when they cannot map, and when a map ends. */
import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import v8 from 'node:v8'
import vm from 'node:vm'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { describe, expect, it, onTestFinished } from 'vitest'
import { mmapIo, type MmapIo } from '../../src/adapters/mmap-io.js'
import { createFile } from '../../src/file/create.js'
import { openFile, type DiskFile } from '../../src/file/disk.js'
import { WINDOW_SIZE, type Mapper } from '../../src/file/file.js'
import { native } from '../../src/file/native.js'
import { closing, codeOf, failureOf, GIB, hasMmapIo, koffiTitle, mmapIoTitle, PAGE, pattern, readBack, temporaryFolder, windowBytes } from './layers.js'

function openMapped(mapper: Mapper | undefined): DiskFile {
  const path = join(temporaryFolder(), 'store')
  createFile(path, [])
  return closing(openFile(path, { readOnly: false, mapper, lock: false }))
}

/** How many maps of the file this process has. */
function mapsOf(path: string): number {
  return fs.readFileSync('/proc/self/maps', 'utf8').split('\n').filter((line) => line.endsWith(path)).length
}

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

/** Collects until `done` holds, or for two seconds. Finalizers run on later turns of the event loop. */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !done(); i++) {
    collect()
    await setTimeout(20)
  }
}

/** What a map promises for as long as somebody looks at it; the same for both mappers. */
function endsWhenCollected(mapper: () => Mapper): void {
  it.skipIf(process.platform !== 'linux')('maps whole windows past the end of the file, and undoes a map only when no view is left', async () => {
    const file = openMapped(mapper())
    file.write([pattern(PAGE)], 0)
    file.reserve(1)
    expect(mapsOf(file.path)).toBe(0)
    expect(file.window(0)?.byteLength).toBe(2 ** 20)
    expect(mapsOf(file.path)).toBe(1)
    let view: Uint8Array | undefined = windowBytes(file, 0, 0, PAGE)
    file.close()
    for (let i = 0; i < 5; i++) {
      collect()
      await setTimeout(10)
    }
    expect(mapsOf(file.path)).toBe(1)
    expect(view).toEqual(pattern(PAGE))
    view = undefined
    await collectUntil(() => mapsOf(file.path) === 0)
    expect(mapsOf(file.path)).toBe(0)
  })

  it('answers undefined for a descriptor that cannot be mapped', () => {
    const descriptor = fs.openSync('/dev/null', 'r')
    onTestFinished(() => fs.closeSync(descriptor))
    expect(mapper()(descriptor, 0, WINDOW_SIZE)).toBeUndefined()
    expect(mapper()(1_000_000, 0, WINDOW_SIZE)).toBeUndefined()
  })
}

describe.skipIf(native() === undefined)(koffiTitle, () => {
  const mapper = (): Mapper => native()?.map as Mapper

  endsWhenCollected(mapper)

  it('maps past 2 GiB and past 4 GiB', () => {
    const file = openMapped(mapper())
    file.resize(5 * GIB)
    const places = [0, GIB, 2 * GIB, 3 * GIB, 4 * GIB].map((start, seed) => ({ start: start + 5 * PAGE, bytes: pattern(PAGE, seed) }))
    for (const { start, bytes } of places) file.write([bytes], start)
    file.reserve(5 * GIB)
    places.forEach(({ bytes }, index) => expect(windowBytes(file, index, 5 * PAGE, PAGE)).toEqual(bytes))
    for (const { start, bytes } of places) expect(readBack(file, start, PAGE)).toEqual(bytes)
    expect(file.window(5)).toBeUndefined()
  })

  it('maps a file that is open for reading only', () => {
    const path = join(temporaryFolder(), 'store')
    createFile(path, [pattern(PAGE)])
    const file = closing(openFile(path, { readOnly: true, mapper: mapper(), lock: true }))
    file.reserve(PAGE)
    expect(windowBytes(file, 0, 0, PAGE)).toEqual(pattern(PAGE))
  })

  it('answers the same calls however often it is asked', () => {
    expect(native()).toBe(native())
  })

  it('maps in worker threads beside the main thread', async () => {
    const file = openMapped(mapper())
    file.write([pattern(PAGE)], 0)
    file.reserve(PAGE)
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      const koffi = require(workerData.koffi)
      const mmap = koffi.load(null).func('void *mmap(void *addr, size_t len, int prot, int flags, int fd, int64_t off)')
      const address = mmap(null, 4096, 1, 1, require('node:fs').openSync(workerData.path, 'r'), 0)
      parentPort.postMessage(new Uint8Array(koffi.view(address, 4096)).slice())
    `
    const worker = new Worker(program, {
      eval: true,
      workerData: { path: file.path, koffi: createRequire(import.meta.url).resolve('koffi') },
    })
    const [seen] = (await once(worker, 'message')) as [Uint8Array]
    await worker.terminate()
    expect(seen).toEqual(pattern(PAGE))
    expect(windowBytes(file, 0, 0, PAGE)).toEqual(pattern(PAGE))
  })
})

describe.skipIf(!hasMmapIo)(mmapIoTitle, () => {
  endsWhenCollected(() => mmapIo())

  it('maps to 2 GiB and leaves what lies past that to be read', () => {
    const file = openMapped(mmapIo())
    file.resize(5 * GIB)
    const places = [0, GIB, 2 * GIB, 4 * GIB].map((start, seed) => ({ start: start + PAGE, bytes: pattern(PAGE, seed) }))
    for (const { start, bytes } of places) file.write([bytes], start)
    file.reserve(5 * GIB)
    expect(windowBytes(file, 0, PAGE, PAGE)).toEqual(places[0].bytes)
    expect(windowBytes(file, 1, PAGE, PAGE)).toEqual(places[1].bytes)
    expect([2, 3, 4].map((index) => file.window(index))).toEqual([undefined, undefined, undefined])
    for (const { start, bytes } of places) expect(readBack(file, start, PAGE)).toEqual(bytes)
  })
})

describe('the mapper over mmap-io', () => {
  /** Takes the part of the module, and notes what it is asked. */
  function standIn(): MmapIo & { asked: number[] } {
    const asked: number[] = []
    return {
      asked,
      PROT_READ: 1,
      MAP_SHARED: 1,
      map(size, _protection, _flags, _descriptor, offset = 0) {
        asked.push(offset)
        return new Uint8Array(size)
      },
    }
  }

  it('never asks mmap-io for anything at or past 2 GiB, where its integers wrap', () => {
    const module = standIn()
    const mapper = mmapIo(module)
    expect(mapper(3, 2 ** 31 - PAGE, PAGE)?.byteLength).toBe(PAGE)
    for (const offset of [2 ** 31 - PAGE + 1, 2 ** 31, 2 ** 32, 2 ** 32 + WINDOW_SIZE]) expect(mapper(3, offset, PAGE)).toBeUndefined()
    expect(mapper(3, 0, 2 ** 31)).toBeUndefined()
    expect(mapper(3, 0, 2 ** 32 + PAGE)).toBeUndefined()
    expect(module.asked).toEqual([2 ** 31 - PAGE])
  })

  it('answers undefined where mmap-io fails', () => {
    const module: MmapIo = {
      PROT_READ: 1,
      MAP_SHARED: 1,
      map() {
        throw new Error('mmap failed, 12')
      },
    }
    expect(mmapIo(module)(3, 0, PAGE)).toBeUndefined()
  })

  it.skipIf(hasMmapIo)('names the command that installs mmap-io where it is missing', () => {
    const failure = failureOf(() => mmapIo())
    expect(failure?.code).toBe('COPPICE_UNSUPPORTED')
    expect(failure?.message).toContain('npm install mmap-io@npm:@riaskov/mmap-io')
    expect(codeOf(() => mmapIo())).toBe('COPPICE_UNSUPPORTED')
  })
})

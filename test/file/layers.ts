/** The file layers, each behind the same few functions, for suites that hold for all of them. */
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { onTestFinished, type MockInstance } from 'vitest'
import { mmapIo } from '../../src/adapters/mmap-io.js'
import { createFile } from '../../src/file/create.js'
import { openFile } from '../../src/file/disk.js'
import type { Mapper, StoreFile } from '../../src/file/file.js'
import { MemoryFile } from '../../src/file/memory.js'
import { native } from '../../src/file/native.js'

export const GIB = 2 ** 30
export const PAGE = 4096

export interface Layer {
  name: string
  available: boolean
  /** Whether windows are offered, and whether one is replaced as the file grows. */
  windows: 'none' | 'fixed' | 'replaced'
  /** A new, empty file, closed and removed when the test has ended. */
  create(): StoreFile
}

export const hasMmapIo = installed('mmap-io')
export const mmapIoTitle = hasMmapIo ? 'mmap-io' : 'mmap-io (skipped: the package mmap-io is not installed)'
export const koffiTitle = native() ? 'mapped by koffi' : 'mapped by koffi (skipped: koffi cannot be loaded here)'

export const layers: Layer[] = [
  { name: koffiTitle, available: native() !== undefined, windows: 'fixed', create: () => createDisk(native()?.map) },
  { name: 'plain', available: true, windows: 'none', create: () => createDisk(undefined) },
  { name: 'memory', available: true, windows: 'replaced', create: createMemory },
  { name: `mapped by ${mmapIoTitle}`, available: hasMmapIo, windows: 'fixed', create: () => createDisk(mmapIo()) },
]

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

function createDisk(mapper: Mapper | undefined): StoreFile {
  const path = join(temporaryFolder(), 'store')
  createFile(path, [])
  return closing(openFile(path, { readOnly: false, mapper, lock: native() !== undefined }))
}

function createMemory(): StoreFile {
  return closing(new MemoryFile())
}

/** Closes the file when the test has ended, also when it has failed. */
export function closing<File extends StoreFile>(file: File): File {
  onTestFinished(() => file.close())
  return file
}

/** A folder of this test's own, removed when the test has ended. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-file-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 7 + seed * 101) & 0xff
  return bytes
}

export function readBack(file: StoreFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  file.read(bytes, position)
  return bytes
}

/** The bytes of a file's window, which must be there. */
export function windowBytes(file: StoreFile, index: number, start: number, length: number): Uint8Array {
  const window = file.window(index)
  if (window === undefined) throw new Error(`window ${index} is not there`)
  return new Uint8Array(window, start, length)
}

/** The `code` of what `action` throws, or undefined where it throws nothing. */
export function codeOf(action: () => unknown): string | undefined {
  return failureOf(action)?.code
}

export function failureOf(action: () => unknown): NodeJS.ErrnoException | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
}

/** Whether two runs of bytes are equal; for long ones, which `toEqual` takes seconds to compare. */
export function same(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}

/** Undoes the stub when the test has ended. */
export function restoring<Stub extends MockInstance>(stub: Stub): Stub {
  onTestFinished(() => stub.mockRestore())
  return stub
}

import zlib from 'node:zlib'
import tableCrc from 'crc-32'
import fc from 'fast-check'
import { afterEach, expect, it, vi } from 'vitest'
import { Arena } from '../../src/page/arena.js'
import { crc32, pageCrc } from '../../src/page/checksum.js'
import { PAGE_SIZE } from '../../src/page/layout.js'
import { bytesOf } from './crafted.js'

afterEach(() => {
  vi.restoreAllMocks()
  vi.doUnmock('node:zlib')
  vi.resetModules()
})

it('has the value that the format names for "123456789"', () => {
  expect(crc32(bytesOf('123456789')) >>> 0).toBe(0xcbf43926)
})

it.skipIf(typeof zlib.crc32 !== 'function')('zlib.crc32 and crc-32 answer the same for all bytes (skipped where Node has no zlib.crc32)', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2 * PAGE_SIZE, size: 'max' }), (bytes) => {
    expect(zlib.crc32(bytes) | 0).toBe(tableCrc.buf(bytes))
    expect(crc32(bytes)).toBe(tableCrc.buf(bytes))
  }), { numRuns: 200 })
})

it('falls back to crc-32 where Node has no zlib.crc32', async () => {
  vi.resetModules()
  vi.doMock('node:zlib', () => ({ default: {} }))
  const { crc32: fallback } = await import('../../src/page/checksum.js')
  expect(fallback).not.toBe(crc32)
  expect(fallback(bytesOf('123456789')) >>> 0).toBe(0xcbf43926)
})

it('of a page covers every byte of it but the checksum itself, and no byte beside it', () => {
  const arena = new Arena(new ArrayBuffer(3 * PAGE_SIZE))
  const before = pageCrc(arena, PAGE_SIZE)
  for (const at of [0, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 3, 2 * PAGE_SIZE]) arena.bytes[at] ^= 1
  expect(pageCrc(arena, PAGE_SIZE)).toBe(before)
  for (const at of [4, 5, 100, PAGE_SIZE - 1]) {
    arena.bytes[PAGE_SIZE + at] ^= 1
    expect(pageCrc(arena, PAGE_SIZE), `byte ${at}`).not.toBe(before)
    arena.bytes[PAGE_SIZE + at] ^= 1
  }
})

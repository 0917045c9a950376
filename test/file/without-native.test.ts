/** What is left where koffi cannot be loaded. */
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { createFile } from '../../src/file/create.js'
import { openFile } from '../../src/file/disk.js'
import type * as NativeModule from '../../src/file/native.js'
import { closing, failureOf, readBack, temporaryFolder } from './layers.js'

vi.mock('../../src/file/native.js', async (original) => ({
  ...(await original<typeof NativeModule>()),
  native: () => undefined,
}))

describe('a file where the native calls are missing', () => {
  it('is not opened with a lock, and the message says what to do', () => {
    const path = join(temporaryFolder(), 'store')
    createFile(path, [])
    const failure = failureOf(() => openFile(path, { readOnly: false, mapper: undefined, lock: true }))
    expect(failure?.code).toBe('COPPICE_UNSUPPORTED')
    expect(failure?.message).toContain('Install koffi, or open with { lock: false }')
  })

  it('is read and written without lock and map', () => {
    const path = join(temporaryFolder(), 'store')
    expect(createFile(path, [Uint8Array.of(1, 2, 3)])).toBe(true)
    const file = closing(openFile(path, { readOnly: false, mapper: undefined, lock: false }))
    file.write([Uint8Array.of(9)], 1)
    expect(readBack(file, 0, 3)).toEqual(Uint8Array.of(1, 9, 3))
    file.close()
  })
})

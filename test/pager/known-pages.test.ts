import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createFile } from '../../src/file/create.js'
import { openFile } from '../../src/file/disk.js'
import { native } from '../../src/file/native.js'
import { arenaOf, baseOf } from '../../src/page/arena.js'
import { pageCrc } from '../../src/page/checksum.js'
import { formatPage, setCrc } from '../../src/page/header.js'
import { PAGE_SIZE, TYPE } from '../../src/page/layout.js'
import { insertLeafCell } from '../../src/page/leaf.js'
import { setPrefix } from '../../src/page/node.js'
import { newDatabase } from '../../src/pager/new-database.js'
import { Pager } from '../../src/pager/pager.js'
import { temporaryFolder } from '../helpers.js'

/** Behind the first map of a small file, which is 1 MiB long. */
const FAR = 5000

it('a page that was written where no map reached is verified once something else has been written in its place', () => {
  const path = join(temporaryFolder(), 'store')
  createFile(path, newDatabase())
  const file = openFile(path, { readOnly: false, mapper: native()?.map, lock: false })
  onTestFinished(() => file.close())
  const pager = new Pager(file, 256, (frames) => frames)
  expect(pager.isMapped(0)).toBe(native() !== undefined)
  const frame = pager.newFrame(FAR)
  const slot = pager.pool.slotOf(frame)
  const arena = pager.arenas[arenaOf(slot)]
  const base = baseOf(slot)
  formatPage(arena, base, FAR, TYPE.LEAF, 0, 1)
  setPrefix(arena, base, new Uint8Array(0), 0, 0)
  insertLeafCell(arena, base, 0, Uint8Array.of(1), 1, 1, Uint8Array.of(2), 0)
  setCrc(arena, base, pageCrc(arena, base))
  pager.writeFrames([frame])
  expect(pager.isMapped(FAR)).toBe(false)
  pager.writeBytes(FAR, new Uint8Array(PAGE_SIZE).fill(0xff))
  expect(() => pager.locate(FAR, 1)).toThrow(/its checksum does not match/)
})

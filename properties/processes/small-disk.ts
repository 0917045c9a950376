/** Real filesystems of a few MiB, for stores that fill them. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** `ext4` in a file on a loop device, or `tmpfs`, which takes a page for a hole that is merely read through a map. */
export type Kind = 'ext4' | 'tmpfs'

const PAGE = 4096
const SIZES: Record<Kind, number> = { ext4: 12 * 2 ** 20, tmpfs: 6 * 2 ** 20 }

/** Why there can be none here, or undefined where there can. */
export function whyNot(kind: Kind): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs the superuser, who may mount'
  const base = temporaryFolder()
  try {
    run('umount', mount(kind, base))
    return undefined
  } catch (error) {
    return `cannot mount here: ${(error as Error).message}`
  } finally {
    fs.rmSync(base, { recursive: true })
  }
}

export class SmallDisk {
  readonly folder: string
  private readonly ballast: string

  /** Goes away with its test. */
  constructor(kind: Kind) {
    const base = temporaryFolder()
    const guard = guardOf(base)
    onTestFinished(async () => void (await guard.end()))
    this.folder = mount(kind, base)
    this.ballast = join(this.folder, 'ballast')
  }

  free(): number {
    const { bavail, bsize } = fs.statfsSync(this.folder)
    return bavail * bsize
  }

  /** Fills the disk with something else, all but so many pages. */
  leave(pages: number): void {
    const file = fs.openSync(this.ballast, 'a')
    try {
      for (const size of [64 * PAGE, PAGE]) writeUntilFull(file, new Uint8Array(size))
      fs.ftruncateSync(file, fs.fstatSync(file).size - pages * PAGE)
      fs.fsyncSync(file)
    } finally {
      fs.closeSync(file)
    }
  }

  /** Takes that away again. */
  clear(): void {
    fs.rmSync(this.ballast, { force: true })
  }
}

function writeUntilFull(file: number, bytes: Uint8Array): void {
  try {
    while (fs.writeSync(file, bytes) === bytes.length) continue
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

function temporaryFolder(): string {
  return fs.mkdtempSync(join(os.tmpdir(), 'coppice-disk-'))
}

/**
 * Takes the disk away when the test has ended, and when this process has: whichever way it does, the guard's input ends
 * then. Maps that are still waiting to be collected keep the filesystem busy, hence lazily.
 */
function guardOf(base: string): { end: () => Promise<unknown> } {
  const commands = 'cat; umount --lazy "$0/point"; rm -r "$0"'
  const guard = spawn('sh', ['-c', commands, base], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  const ended = once(guard, 'exit')
  guard.unref()
  return {
    end: () => {
      guard.stdin.end()
      return ended
    },
  }
}

/** Mounts one in this folder; answers where. */
function mount(kind: Kind, base: string): string {
  const point = join(base, 'point')
  fs.mkdirSync(point)
  if (kind === 'tmpfs') run('mount', '-t', 'tmpfs', '-o', `size=${SIZES.tmpfs}`, 'tmpfs', point)
  else mountLoop(join(base, 'image'), point)
  return point
}

function mountLoop(image: string, point: string): void {
  fs.writeFileSync(image, '')
  fs.truncateSync(image, SIZES.ext4)
  // No blocks kept for the superuser, so that full is full.
  run('mkfs.ext4', '-q', '-F', '-b', String(PAGE), '-m', '0', '-J', 'size=4', image)
  run('mount', '-o', 'loop', image, point)
}

function run(command: string, ...values: string[]): void {
  const { status, stderr, error } = spawnSync(command, values, { encoding: 'utf8' })
  // What went wrong stands at the end of the first line.
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.split('\n')[0].split(': ').pop()}`)
}

/** Makes the package as it would be published, from what `npm test` has built, and runs programs that use it. */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect } from 'vitest'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Manifest {
  version: string
  exports: Record<string, unknown>
  dependencies: Record<string, string>
}

export const manifest = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest

export interface Ended {
  code: number | string
  output: string
  errors: string
}

/** Runs a program to its end. */
export function run(program: string, words: readonly string[], folder: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, words, { cwd: folder, encoding: 'utf8' }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : (error.code ?? String(error.signal)), output, errors })
    })
  })
}

/** A folder for the tests of a file, removed when they have ended. */
export function folderOfFile(): string {
  // Real, as Node and TypeScript name files by their real paths.
  const folder = fs.realpathSync(fs.mkdtempSync(join(os.tmpdir(), 'coppice-package-')))
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }), 120_000)
  return folder
}

/** Packs into the folder; answers the name of the tarball. */
export async function pack(folder: string): Promise<string> {
  expect(fs.existsSync(join(ROOT, 'dist/src/index.js')), 'the package is not built: npm run build').toBe(true)
  // Without scripts, as a build would take the files away under other tests.
  const { code, output, errors } = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], ROOT)
  expect(code, errors).toBe(0)
  return output.trim().split('\n').at(-1)!
}

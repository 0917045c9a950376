/** Level databases in more than one process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { buildChildren } from '../child/build.js'
import { assertSound, temporaryFolder } from '../helpers.js'
import { codesOf, levelAt } from './databases.js'

const folder = buildChildren()
const source = fs.readFileSync(fileURLToPath(new URL('child.ts', import.meta.url)), 'utf8')
const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true }
const program = join(folder, 'test/child/level.js')
fs.writeFileSync(program, ts.transpileModule(source, { compilerOptions: options }).outputText)

it('a database that another process has open is locked, and has what was acknowledged when that one has been killed', async () => {
  const path = join(temporaryFolder(), 'store')
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const acknowledged: string[] = []
  for await (const line of createInterface(child.stdout)) {
    acknowledged.push(line)
    if (acknowledged.length === 1) {
      expect(await codesOf(() => levelAt(path).open())).toEqual(['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_LOCKED', 'COPPICE_LOCKED'])
      await expect(levelAt(path).get('0')).rejects.toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN' })
    }
    if (acknowledged.length === 500) child.kill('SIGKILL')
  }
  await ended
  const db = levelAt(path)
  expect(await db.hasMany(acknowledged)).toEqual(acknowledged.map(() => true))
  expect(acknowledged.length).toBeGreaterThanOrEqual(500)
  await db.close()
  const store = open(path)
  assertSound(store)
  store.close()
})

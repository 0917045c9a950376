/** What is in the package, and what two linters of packages say of it. */
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import type { Package } from '@arethetypeswrong/core'
import fs from 'node:fs'
import { builtinModules } from 'node:module'
import { join, posix } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import ts from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'
import { folderOfFile, manifest, pack, ROOT } from './pack.js'

const PREFIX = '/node_modules/coppice/'
const DOCUMENTS = ['CHANGELOG.md', 'LICENSE', 'README.md', 'format-spec.md', 'package.json']
const MAX_PACKED = 660_000
const MAX_UNPACKED = 2_730_000

const folder = folderOfFile()
let tarball: Buffer
let content: Package
let files: string[]

const textOf = (path: string) => content.readFile(PREFIX + path)
const ending = (suffix: string) => files.filter((path) => path.endsWith(suffix))

beforeAll(async () => {
  tarball = fs.readFileSync(join(folder, await pack(folder)))
  content = createPackageFromTarballData(tarball)
  files = content.listFiles().map((path) => path.slice(PREFIX.length)).sort()
}, 120_000)

/** What each file of the source becomes. */
function filesOfSource(): string[] {
  const names = filesBelow('src', '.ts').map((path) => path.slice(0, -'.ts'.length))
  return names.flatMap((name) => [`${name}.ts`, `dist/${name}.js`, `dist/${name}.js.map`, `dist/${name}.d.ts`])
}

function filesBelow(top: string, suffix: string): string[] {
  const names = fs.readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith(suffix)).map((name) => posix.join(top, name))
}

describe('the package', () => {
  it('holds the source, what is built from it, and the documents for users; nothing else, and nothing of an older build', () => {
    const expected = [...DOCUMENTS, ...filesBelow('docs/api', '.md'), ...filesOfSource()]
    expect(files.filter((path) => !expected.includes(path)), 'not wanted; for what an older build left, remove dist and build again').toEqual([])
    expect(expected.filter((path) => !files.includes(path)), 'missing').toEqual([])
  })

  it('is small', () => {
    expect(tarball.length).toBeLessThan(MAX_PACKED)
    expect(files.reduce((sum, path) => sum + Buffer.byteLength(textOf(path)), 0)).toBeLessThan(MAX_UNPACKED)
  })

  it('has a source map for each module, and each names a source that is there', () => {
    for (const path of ending('.js')) {
      expect(textOf(path).trimEnd().split('\n').at(-1), path).toBe(`//# sourceMappingURL=${posix.basename(path)}.map`)
      const { sources, sourceRoot } = JSON.parse(textOf(`${path}.map`)) as { sources: string[]; sourceRoot: string }
      expect(sources.map((source) => posix.join(posix.dirname(path), sourceRoot, source)), path).toEqual([path.replace(/^dist\/(.*)\.js$/, '$1.ts')])
    }
  })

  it('declares types that need no package but its dependencies and the types of Node', () => {
    const known = [...Object.keys(manifest.dependencies), ...builtinModules.map((name) => `node:${name}`)]
    const wrong = ending('.d.ts').flatMap((path) => {
      const imported = ts.preProcessFile(textOf(path)).importedFiles.map(({ fileName }) => fileName)
      return imported.filter((name) => !name.startsWith('.') && !known.includes(name)).map((name) => `${path}: ${name}`)
    })
    expect(wrong).toEqual([])
  })
})

describe('the linters of packages find nothing', () => {
  it('publint, suggestions included', async () => {
    const { pkg, messages } = await publint({ pack: { tarball: Uint8Array.from(tarball).buffer }, level: 'suggestion', strict: true })
    expect(pkg.name).toBe('coppice')
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
  })

  it('arethetypeswrong, but that CommonJS gets modules', async () => {
    const analysis = await checkPackage(content)
    if (analysis.types === false) throw new Error('the package has no types')
    expect(Object.keys(analysis.entrypoints)).toEqual(Object.keys(manifest.exports))
    const found = analysis.problems.map((problem) => `${problem.kind} ${'resolutionKind' in problem ? `${problem.resolutionKind} ${problem.entrypoint}` : ''}`)
    // `require` of a module is what is meant: every supported Node can.
    expect(found.filter((problem) => !problem.startsWith('CJSResolvesToESM node16-cjs '))).toEqual([])
  })
})

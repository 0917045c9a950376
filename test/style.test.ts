/**
 * Rules about the source itself:
 *
 * 1. Imports go down the layers only, type imports too, but for the few that are named here.
 * 2. Between modules that load each other there is no cycle.
 * 3. Adapters and examples use what users have.
 * 4. No `any`, no console in the engine, no notes to do something later, no file of more than 400 lines, no
 *    semicolons at the end of lines, and functions that one can see whole (that one is a rule of the linter).
 * 5. Every error code is thrown somewhere, and named in a test.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

interface Import {
  /** A path from the top, such as 'src/page/layout.ts'; a package's name for what is not ours. */
  target: string
  typesOnly: boolean
}

interface Source {
  path: string
  text: string
  tree: ts.SourceFile
  imports: Import[]
}

function sourcesIn(...folders: string[]): Source[] {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)))
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
    .sort()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8')
      const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
      return { path, text, tree, imports: importsOf(path, tree) }
    })
}

function importsOf(path: string, tree: ts.SourceFile): Import[] {
  const found: Import[] = []
  visit(tree, (node) => {
    if (ts.isImportDeclaration(node)) found.push({ target: targetOf(path, node.moduleSpecifier), typesOnly: isTypeImport(node.importClause) })
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) found.push({ target: targetOf(path, node.moduleSpecifier), typesOnly: isTypeExport(node) })
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) found.push({ target: targetOf(path, node.argument.literal), typesOnly: true })
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) found.push({ target: targetOf(path, node.arguments[0]), typesOnly: false })
  })
  return found
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const names = clause.namedBindings
  return clause.name === undefined && names !== undefined && ts.isNamedImports(names) && names.elements.every((name) => name.isTypeOnly)
}

function isTypeExport(node: ts.ExportDeclaration): boolean {
  const names = node.exportClause
  return node.isTypeOnly || (names !== undefined && ts.isNamedExports(names) && names.elements.every((name) => name.isTypeOnly))
}

function targetOf(path: string, specifier: ts.Node): string {
  if (!ts.isStringLiteralLike(specifier)) return '(computed)'
  if (!specifier.text.startsWith('.')) return specifier.text
  return relative(ROOT, resolve(ROOT, dirname(path), specifier.text)).replace(/\.js$/, '.ts')
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  ts.forEachChild(node, (child) => visit(child, see))
}

/** Where a node is, for a message. */
function place({ path, tree }: Source, node: ts.Node): string {
  return `${path}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

const engine = sourcesIn('src')
const everything = [...engine, ...sourcesIn('test', 'properties', 'bench', 'examples')]

/** Each layer, and those below it that it may import from. */
const LAYERS: Record<string, string[]> = {
  base: [],
  encoding: ['base'],
  page: ['base'],
  file: ['base'],
  pager: ['page', 'file', 'base'],
  tree: ['pager', 'page', 'base'],
  care: ['tree', 'pager', 'page', 'file', 'encoding', 'base'],
  core: ['care', 'tree', 'pager', 'page', 'file', 'encoding', 'base'],
  public: ['core', 'care', 'pager', 'file', 'encoding', 'base'],
  // Both make files too, and bring their names to the disk as the engine does.
  adapters: ['public', 'encoding', 'file', 'base'],
  // Crashes tried on a copy of a store: whole engines run on a simulated disk.
  crash: ['core', 'pager', 'page', 'file', 'base'],
  cli: ['public', 'cli/page', 'crash', 'file'],
  // The command that shows a page, also of a store that cannot be opened, is the one part of the program that knows the format.
  'cli/page': ['cli', 'public', 'page', 'base'],
}

/** Types that a lower layer takes from a higher one. What is loaded never goes up. */
const TYPES_FROM_ABOVE: Record<string, string[]> = {
  // What care looks after: the trees of a commit, and the store that `compactTo` fills.
  care: ['src/views.ts', 'src/database.ts'],
  // A mapper is an option of `open`.
  adapters: ['src/file/file.ts'],
}

function layerOf(path: string): string {
  const [, first, second, third] = path.split('/')
  if (first === 'cli' && second === 'page' && third !== undefined) return 'cli/page'
  if (second !== undefined) return first
  if (first === 'index.ts') return 'public'
  return first === 'errors.ts' || first === 'assert.ts' ? 'base' : 'core'
}

describe('imports', () => {
  it('go down the layers only', () => {
    const wrong: string[] = []
    for (const { path, imports } of engine) {
      const layer = layerOf(path)
      expect(Object.keys(LAYERS), `${path} is in no known layer`).toContain(layer)
      for (const { target, typesOnly } of imports.filter((entry) => entry.target.startsWith('src/'))) {
        const below = layerOf(target)
        const allowed = below === layer || LAYERS[layer].includes(below) || (typesOnly && TYPES_FROM_ABOVE[layer]?.includes(target))
        if (!allowed) wrong.push(`${path} (${layer}) imports ${target} (${below})`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('form no cycle among modules that load each other', () => {
    const loads = new Map(engine.map(({ path, imports }) => [path, imports.filter(({ typesOnly }) => !typesOnly).map(({ target }) => target)]))
    const done = new Set<string>()
    const cycles: string[] = []
    const follow = (path: string, trail: string[]): void => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      if (trail.includes(path) || done.has(path)) return
      for (const target of loads.get(path) ?? []) follow(target, [...trail, path])
      done.add(path)
    }
    for (const path of loads.keys()) follow(path, [])
    expect(cycles).toEqual([])
  })

  it('name files that are there', () => {
    const missing = everything.flatMap(({ path, imports }) =>
      imports.filter(({ target }) => target.startsWith('src/') && !existsSync(join(ROOT, target))).map(({ target }) => `${path} imports ${target}`),
    )
    expect(missing).toEqual([])
  })

  it('of packages are the declared dependencies, and of the file system happen in the file layer, backups, copies and where the folder of a Level store is made, and in the program', () => {
    const packages = engine.flatMap(({ imports }) => imports.map(({ target }) => target)).filter((target) => !target.startsWith('src/') && !target.startsWith('node:'))
    expect(new Set(packages)).toEqual(new Set(['abstract-level', 'cli-progress', 'crc-32', 'csv-parse', 'koffi', 'picocolors']))
    const readers = engine.filter(({ imports }) => imports.some(({ target }) => target === 'node:fs' || target === 'node:fs/promises')).map(({ path }) => path)
    expect(readers.filter((path) => !path.startsWith('src/file/') && !path.startsWith('src/cli/'))).toEqual(['src/adapters/level/open.ts', 'src/care/backup.ts', 'src/care/compact.ts'])
  })

  it('of the examples are those that users have', () => {
    for (const { path, imports } of sourcesIn('examples')) {
      for (const { target } of imports) expect(target, path).toMatch(/^(coppice|coppice\/mmap-io|coppice\/level|cli-progress|node:.+)$/)
    }
  })
})

describe('the source', () => {
  it('has no file of more than 400 lines', () => {
    const long = everything.filter(({ text }) => text.trimEnd().split('\n').length > 400).map(({ path }) => path)
    expect(long).toEqual([])
  })

  it('has no any', () => {
    const found = everything.flatMap((source) => placesOf(source, (node) => node.kind === ts.SyntaxKind.AnyKeyword))
    expect(found).toEqual([])
  })

  it('ends no statement with a semicolon', () => {
    const isStatement = (node: ts.Node) => ts.isStatement(node) || ts.isPropertyDeclaration(node) || ts.isTypeElement(node)
    const found = everything.flatMap((source) => placesOf(source, (node) => isStatement(node) && !ts.isEmptyStatement(node) && /;$/.test(node.getText()) && endsLine(source, node)))
    expect(found).toEqual([])
  })

  it('leaves nothing to be done later', () => {
    const words = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK']
    const found = everything.flatMap(({ path, text }) => words.filter((word) => new RegExp(`\\b${word}\\b`).test(text)).map((word) => `${path}: ${word}`))
    expect(found).toEqual([])
  })

  it('of the engine prints nothing', () => {
    const isConsole = (node: ts.Node) => ts.isIdentifier(node) && node.text === 'console'
    expect(engine.flatMap((source) => placesOf(source, isConsole))).toEqual([])
  })

  it('passes over no test, and runs none alone', () => {
    const passes = (node: ts.Node) => ts.isPropertyAccessExpression(node) && ['skip', 'only', 'todo'].includes(node.name.text) && /^(it|test|describe)$/.test(node.expression.getText())
    expect(everything.flatMap((source) => placesOf(source, passes))).toEqual([])
  })
})

function placesOf(source: Source, wanted: (node: ts.Node) => boolean): string[] {
  const found: string[] = []
  visit(source.tree, (node) => {
    if (wanted(node)) found.push(place(source, node))
  })
  return found
}

function endsLine({ text }: Source, node: ts.Node): boolean {
  const next = text.slice(node.getEnd()).search(/[^ \t]/)
  return next === -1 || text[node.getEnd() + next] === '\n'
}

describe('error codes', () => {
  const codes = codesOf(engine.find(({ path }) => path === 'src/errors.ts')!)

  it('are each thrown somewhere in the engine', () => {
    const thrown = new Set<string>()
    for (const { tree } of engine) {
      visit(tree, (node) => {
        if (ts.isNewExpression(node) && node.expression.getText() === 'CoppiceError' && node.arguments?.[0] !== undefined) {
          visit(node.arguments[0], (part) => void (ts.isStringLiteral(part) && thrown.add(part.text)))
        }
      })
    }
    expect(codes.filter((code) => !thrown.has(code))).toEqual([])
    expect([...thrown].filter((code) => !codes.includes(code))).toEqual([])
  })

  it('are each named in a test', () => {
    const own = ['test/docs.test.ts', 'test/style.test.ts', 'test/readme.test.ts']
    const tests = sourcesIn('test', 'properties').filter(({ path }) => !own.includes(path))
    const named = (code: string) => tests.some(({ text }) => new RegExp(`${code}\\b`).test(text))
    expect(codes.filter((code) => !named(code))).toEqual([])
  })
})

/** The members of the union `ErrorCode`. */
function codesOf({ tree }: Source): string[] {
  const codes: string[] = []
  visit(tree, (node) => {
    if (!ts.isTypeAliasDeclaration(node) || node.name.text !== 'ErrorCode') return
    visit(node.type, (part) => void (ts.isStringLiteral(part) && codes.push(part.text)))
  })
  return codes
}

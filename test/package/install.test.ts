/** The package, installed in an empty folder as a user does it, and used there. What has to come from the registry npm takes from its cache where it can. */
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { folderOfFile, manifest, pack, ROOT, run } from './pack.js'
import type { Ended } from './pack.js'

/** How npm says that the registry is out of reach. */
const UNREACHABLE = /code (ENOTFOUND|EAI_AGAIN|ECONN\w+|E\w*TIMEDOUT|ERR_SOCKET_TIMEOUT|E\w+UNREACH|ENOTCACHED|E401|E403|E5\d\d)\b/

const place = folderOfFile()
/** The user's folder; beside it lies `coppice`, as a clone would, with the tarball. */
const app = join(place, 'app')
let tarball: string
let unreachable: string | undefined

beforeAll(async () => {
  fs.mkdirSync(join(place, 'coppice'))
  writeFile('package.json', '{ "name": "app", "private": true, "type": "module" }')
  tarball = await pack(join(place, 'coppice'))
  // coppice works without scripts of its dependencies: what is native comes prebuilt.
  const flags = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1', '--fetch-retry-mintimeout=1000']
  const { code, errors } = await run('npm', ['install', `../coppice/${tarball}`, ...flags], app)
  unreachable = UNREACHABLE.exec(errors)?.[0]
  if (unreachable === undefined) expect(code, errors).toBe(0)
  // The user's own, of which the package's types make use.
  fs.mkdirSync(join(app, 'node_modules/@types'), { recursive: true })
  fs.symlinkSync(join(ROOT, 'node_modules/@types/node'), join(app, 'node_modules/@types/node'))
}, 300_000)

beforeEach(({ skip }) => {
  if (unreachable !== undefined) skip(`neither the registry nor npm's cache gives the dependencies of coppice: ${unreachable}`)
})

/** Writes a file of the user's, and answers its path. */
function writeFile(name: string, text: string): string {
  const path = join(app, name)
  fs.mkdirSync(dirname(path), { recursive: true })
  fs.writeFileSync(path, text)
  return path
}

const runNode = (path: string, ...flags: string[]): Promise<Ended> => run(process.execPath, [...flags, path], dirname(path))

/** What a program wrote, line by line, when it ended well and had nothing to complain of. */
async function linesOf(running: Promise<Ended>): Promise<string[]> {
  const { code, output, errors } = await running
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  return output.trimEnd().split('\n')
}

describe('the installed package in JavaScript', () => {
  it('is imported by modules', async () => {
    const path = writeFile('imports.mjs', `
      import * as coppice from 'coppice'
      import { CoppiceLevel } from 'coppice/level'
      import manifest from 'coppice/package.json' with { type: 'json' }
      console.log(Object.keys(coppice).join(' '), CoppiceLevel.name, manifest.version)
    `)
    expect(await linesOf(runNode(path, '--disable-warning=ExperimentalWarning'))).toEqual([`CoppiceError open tuple CoppiceLevel ${manifest.version}`])
  })

  const required = `
    const { open } = require('coppice')
    const { CoppiceLevel } = require('coppice/level')
    const db = open(':memory:', { valueEncoding: 'utf8' })
    db.put('a', 'b')
    console.log(db.get('a'), CoppiceLevel.name, require('coppice/package.json').version)
  `

  it.skipIf(!process.features.require_module)('is required by CommonJS, without a warning', async () => {
    expect(await linesOf(runNode(writeFile('requires.cjs', required)))).toEqual([`b CoppiceLevel ${manifest.version}`])
  })

  it.skipIf(!process.allowedNodeEnvironmentFlags.has('--experimental-require-module'))(
    'tells CommonJS to use import(), which works, where Node cannot require modules', async () => {
      const refused = await runNode(writeFile('requires-not.cjs', required), '--no-experimental-require-module')
      expect(refused.code).toBe(1)
      expect(refused.errors).toMatch(/ERR_REQUIRE_ESM.*coppice.*dynamic import\(\)/s)
      const path = writeFile('imports.cjs', "import('coppice').then(({ open }) => console.log(open(':memory:').count()))")
      expect(await linesOf(runNode(path, '--no-experimental-require-module'))).toEqual(['0'])
    },
  )

  it('shows nothing of its inside', async () => {
    const path = writeFile('inside.mjs', "import('coppice/dist/src/core.js').catch((error) => console.log(error.code))")
    expect(await linesOf(runNode(path))).toEqual(['ERR_PACKAGE_PATH_NOT_EXPORTED'])
  })

  it('works where koffi has nothing for the platform: in memory, and on files without locks', async () => {
    const path = writeFile('without-koffi/index.mjs', `
      import { open } from 'coppice'
      const entry = (db) => { db.put('a', Buffer.from('b')); console.log(String(db.get('a')), db.check().ok); db.close() }
      entry(open(':memory:'))
      try { open('store') } catch (error) { console.log(error.code, error.message.slice(error.message.indexOf('Install'))) }
      entry(open('store', { lock: false }))
    `)
    for (const name of ['coppice', 'crc-32']) fs.cpSync(join(app, 'node_modules', name), join(app, 'without-koffi/node_modules', name), { recursive: true })
    writeFile('without-koffi/node_modules/koffi/index.js', "throw new Error('there is no koffi for this platform')")
    expect(await linesOf(runNode(path))).toEqual([
      'b true', 'COPPICE_UNSUPPORTED Install koffi, or open with { lock: false } when nothing else opens the file.', 'b true',
    ])
  })
})

describe('the program of the installed package', () => {
  it('runs, and keeps what it is given', async () => {
    const coppice = (...words: string[]) => run(join(app, 'node_modules/.bin/coppice'), words, app)
    expect(await linesOf(coppice('--version'))).toEqual([manifest.version])
    expect(await coppice('put', 'program.coppice', 'user:1', 'Ada')).toMatchObject({ code: 0 })
    expect(await coppice('get', 'program.coppice', 'user:1')).toEqual({ code: 0, output: 'Ada', errors: '' })
  })
})

describe('the installed package in TypeScript, its own declarations checked as well', () => {
  // Of the declarations only TypeScript's own are taken as they are.
  const user: ts.CompilerOptions = { target: ts.ScriptTarget.ES2022, strict: true, typeRoots: [join(app, 'node_modules/@types')], skipLibCheck: false, skipDefaultLibCheck: true }

  /** Compiles files of the user's folder into it; answers what the compiler says. */
  function compile(names: readonly string[], options: ts.CompilerOptions): string[] {
    const settings: ts.CompilerOptions = { ...user, ...options, outDir: join(app, 'out'), rootDir: app }
    const host = ts.createCompilerHost(settings)
    host.getCurrentDirectory = () => app
    const program = ts.createProgram(names.map((name) => join(app, name)), settings, host)
    const { diagnostics } = program.emit()
    return [...ts.getPreEmitDiagnostics(program), ...diagnostics].map((diagnostic) => ts.formatDiagnostic(diagnostic, host))
  }

  const common = `
    import coppice = require('coppice')
    import adapter = require('coppice/level')
    const db: coppice.Database<string, string> = coppice.open('common.coppice', { valueEncoding: 'utf8' })
    db.transaction((tx) => tx.put('user:1', 'Ada'))
    const [[key, value]] = db.prefix('user:')
    console.log(key, value.length, db.count())
    db.close()
    const level = new adapter.CoppiceLevel(':memory:')
    void level.put('a', 'b').then(() => console.log(level.getSync('a')))
  `

  beforeAll(() => {
    writeFile('module.ts', fs.readFileSync(join(ROOT, 'test/package/user.ts'), 'utf8'))
    writeFile('common.cts', common)
  })

  it('compiles with the resolution of Node, from modules and CommonJS, with every declaration file that there is; and runs', async () => {
    const names = fs.readdirSync(join(app, 'node_modules/coppice'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'))
    expect(names.length).toBeGreaterThan(100)
    const declarations = names.map((name) => join('node_modules/coppice', name))
    expect(compile(['module.ts', 'common.cts', ...declarations], { module: ts.ModuleKind.NodeNext })).toEqual([])
    expect(await linesOf(runNode(join(app, 'out/module.js')))).toEqual([
      '2 user:ada Ada, user:grace Grace', '2 3 true 1', 'ada London', 'COPPICE_INVALID_KEY', '1 0', '36 []', 'mmapIo',
    ])
    if (process.features.require_module) expect(await linesOf(runNode(join(app, 'out/common.cjs')))).toEqual(['user:1 3 1', 'b'])
  }, 300_000)

  it('compiles with the resolution of bundlers', () => {
    const bundler = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, noEmit: true }
    expect(compile(['module.ts'], bundler)).toEqual([])
  }, 300_000)
})

describe('the first screen of the README', () => {
  const screen = fs.readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n').slice(0, 30).join('\n')
  const blocks = (language: string) => [...screen.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code)

  it('installs the package as it is installed here', () => {
    expect(blocks('sh').join('')).toContain(`npm install ../coppice/${tarball}`)
  })

  it('leads to a transaction and the entries with a prefix, as it stands there, in one file of JavaScript', async () => {
    const [example] = blocks('ts')
    expect(example).toContain('.transaction(')
    expect(example).toContain('.prefix(')
    const printed = [...example.matchAll(/\/\/ => (.*)$/gm)].map(([, text]) => text)
    expect((await linesOf(runNode(writeFile('first.mjs', example)))).join(' | ')).toBe(printed.join(' | '))
  })
})

/** Runs the source in processes of its own: they need JavaScript, so the source is translated once into a temporary folder. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll } from 'vitest'
import { chosenMutant } from '../../properties/mutants/index.js'
import { mutated } from '../../properties/mutants/mutant.js'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** Translates `src`, and what is to run as children; answers the folder, which is removed when the tests of the file have ended. */
export function buildChildren(): string {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-child-'))
  // A child may run as another user.
  fs.chmodSync(folder, 0o755)
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))
  fs.writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  fs.symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const part of ['src', 'test/child', 'properties/model', 'properties/processes', 'properties/damage']) {
    for (const name of fs.readdirSync(join(ROOT, part), { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('.ts')) translate(join(part, name), folder)
    }
  }
  translate('test/faulty-file.ts', folder)
  return folder
}

/** The source of a file, with the deliberate fault that the properties are to notice, if there is one. */
function sourceOf(name: string): string {
  const source = fs.readFileSync(join(ROOT, name), 'utf8')
  const mutant = chosenMutant()
  return mutant === undefined ? source : mutated(mutant, name.replaceAll('\\', '/'), source)
}

function translate(name: string, folder: string): void {
  const target = join(folder, name.replace(/\.ts$/, '.js'))
  fs.mkdirSync(dirname(target), { recursive: true })
  const { outputText } = ts.transpileModule(sourceOf(name), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  })
  fs.writeFileSync(target, outputText)
}

/** A process that runs one of the files in this folder. */
export class Child {
  readonly process: ChildProcess
  /** What it wrote so far. */
  output = ''
  errors = ''
  private readonly exited: Promise<unknown>

  constructor(folder: string, name: string, ...values: string[]) {
    this.process = spawn(process.execPath, [join(folder, 'test/child', `${name}.js`), ...values], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    this.exited = once(this.process, 'close')
  }

  /** Resolves when it has written this many lines, or has ended. */
  async lines(count: number): Promise<string[]> {
    const { stdout } = this.process
    while (this.output.split('\n').length <= count && this.process.exitCode === null && this.process.signalCode === null) {
      if (stdout !== null) await Promise.race([once(stdout, 'data'), this.exited])
    }
    return this.output.split('\n').slice(0, -1)
  }

  /** Resolves with the exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    await this.exited
    return this.process.exitCode ?? this.process.signalCode
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.exited
  }
}

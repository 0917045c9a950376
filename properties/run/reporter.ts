/** Tells the runner what becomes of each property file as soon as that is known: a run that is ended early has said what it knew. */
import fs from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import type { FileResult, ResultLine } from './results.js'

export default class LineReporter implements Reporter {
  onTestModuleStart(module: TestModule): void {
    write({ began: module.relativeModuleId })
  }

  onTestModuleEnd(module: TestModule): void {
    write({ ended: resultOf(module) })
  }
}

function resultOf(module: TestModule): FileResult {
  const tests = [...module.children.allTests()]
  const failures = tests.flatMap((test) => {
    const result = test.result()
    return result.state === 'failed' ? [{ test: test.fullName, message: result.errors.map(({ message }) => message).join('\n') }] : []
  })
  const result: FileResult = {
    file: module.relativeModuleId,
    seconds: module.diagnostic().duration / 1000,
    tests: tests.length,
    skipped: tests.filter((test) => test.result().state === 'skipped').length,
    failures,
  }
  if (failures.length === 0 && !module.ok()) result.broken = module.errors().map(({ message }) => message).join('\n')
  return result
}

function write(line: ResultLine): void {
  const path = process.env.COPPICE_RESULTS
  if (path !== undefined) fs.appendFileSync(path, `${JSON.stringify(line)}\n`)
}

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { compileC } from './lmdb-c.js'
import { COMPARE } from './require.js'

const PEERS = ['better-sqlite3', 'classic-level', 'lmdb']

/** Installs the peers where they are missing, and compiles the C program; answers why that one is not there, if so. */
export function prepare(): string | undefined {
  if (PEERS.some((name) => !existsSync(manifest(name)))) {
    console.log(`Installing ${PEERS.join(', ')} into bench/compare ...`)
    const install = spawnSync('npm', ['install', '--prefix', COMPARE, '--no-package-lock', '--no-audit', '--no-fund'], { stdio: 'inherit' })
    if (install.status !== 0) throw new Error('the stores to compare with could not be installed; see above')
  }
  return compileC()
}

export function versions(): Record<string, string> {
  return Object.fromEntries(PEERS.map((name) => [name, (JSON.parse(readFileSync(manifest(name), 'utf8')) as { version: string }).version]))
}

function manifest(name: string): string {
  return `${COMPARE}node_modules/${name}/package.json`
}

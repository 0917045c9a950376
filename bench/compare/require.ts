import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** The top of the repository, seen from dist/bench/compare. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export const COMPARE = `${ROOT}bench/compare/`

/** Finds the peers' packages in bench/compare/node_modules. They are no dependencies of the package, nor are their types. */
export const requirePeer = createRequire(`${COMPARE}package.json`)

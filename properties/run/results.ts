/** What the reporter writes and the runner reads: a line of JSON as each property file begins and ends. */

export interface FileResult {
  /** Path from the top of the project. */
  file: string
  seconds: number
  tests: number
  skipped: number
  /** Tests that failed, with their messages. */
  failures: { test: string; message: string }[]
  /** What kept the file from being run at all. */
  broken?: string
}

export type ResultLine = { began: string } | { ended: FileResult }

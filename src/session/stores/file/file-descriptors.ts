import * as fs from 'node:fs'
import { promisify } from 'node:util'

// The functions of node:fs on open files. With the FileHandle of node:fs/promises, reading a small file takes twice the
// CPU time.

/** Opens a file; returns its descriptor. */
export const open = promisify(fs.open)
/** Reads bytes into a buffer. */
export const read = promisify(fs.read)
/** Writes all bytes, also if the system takes only some of them at once. */
export const write = promisify<number, string | Uint8Array, void>(fs.writeFile)
/** Waits until the content of a file, or the names in a folder, would survive a crash. */
export const sync = promisify(fs.fsync)
/** Closes a file. */
export const close = promisify(fs.close)
/** Changes the mode of an open file. */
export const chmodOpen = promisify(fs.fchmod)
/** Sets the times of an open file, in seconds since 1970. */
export const utimesOpen = promisify(fs.futimes)
/** Returns what the system knows about an open file. */
export const statOpen = promisify(fs.fstat)

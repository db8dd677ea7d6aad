import * as fs from 'node:fs'
import { promisify } from 'node:util'

// The functions of node:fs that loads and saves need. Those of node:fs/promises take more CPU time: with FileHandle,
// reading a small file takes twice as long, and a call by path 4 µs longer.

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
/** Creates a symbolic link. */
export const symlink = promisify<string, string, void>(fs.symlink)
/** Returns the text of a symbolic link. */
export const readlink = promisify<string, string>(fs.readlink)
/** Removes a file or a link. */
export const unlink = promisify(fs.unlink)
/** Gives a file or a link another path, in one step. */
export const rename = promisify(fs.rename)

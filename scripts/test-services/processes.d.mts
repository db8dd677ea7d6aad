import type { ChildProcess, SpawnOptions } from 'node:child_process'

export function findProgram(names: readonly string[], folders?: readonly string[]): string | undefined
export function versionFolders(parent: string, below: string): string[]
export function freePort(): Promise<number>
export function whenListening(port: number, child: ChildProcess, timeoutMs?: number): Promise<void>
export function startServer(program: string, args: readonly string[], options?: SpawnOptions): ChildProcess
export function stopServer(child: ChildProcess): Promise<void>
export function suspendServer(child: ChildProcess): Promise<void>
export function idsOf(user: string): { uid: number; gid: number }

import { availableParallelism } from 'node:os'

/** How many test files run at once. Two more than there are cores: some wait for locks, time limits and servers most of the time. */
export const CONCURRENCY = availableParallelism() + 2

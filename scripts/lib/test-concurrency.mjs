import { availableParallelism } from 'node:os'

/** How many test files run at once. One more than there are cores: some wait for locks and servers most of the time. */
export const CONCURRENCY = availableParallelism() + 1

import test from 'ava'

/**
 * Whether a file of `test/faults/` runs what imports this, as `npm run test:faults` does: in full then, and as a short
 * example otherwise, which `npm test` has time for.
 */
export const storm: boolean = test.meta.file.includes('/test/faults/')

/**
 * Whether `npm run test:storms` runs this: in full then, and as a short example otherwise, which `npm test` has time for.
 */
export const storm: boolean = process.env['TEST_STORMS'] === 'full'

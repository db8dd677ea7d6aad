/** SECRET_KEY of the applications of the tests, without the modules of one. */
export const TEST_SECRET = 'a secret of the tests: 6f1f0c2b9d8e4a7c'

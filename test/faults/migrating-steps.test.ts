import '../session/engines/migrating-steps.test.ts'

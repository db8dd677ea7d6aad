import '../session/engines/migrating-logout.test.ts'

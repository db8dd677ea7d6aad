import '../scenarios/kept.account.test.ts'

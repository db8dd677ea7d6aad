import '../scenarios/kept.test.ts'

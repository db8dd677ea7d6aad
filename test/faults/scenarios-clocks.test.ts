import '../scenarios/clocks.test.ts'

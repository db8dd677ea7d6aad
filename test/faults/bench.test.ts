import '../maintainer/bench.test.ts'

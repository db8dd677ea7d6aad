import '../maintainer/fuzz/fuzz.test.ts'

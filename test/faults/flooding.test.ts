import '../security/flooding.test.ts'

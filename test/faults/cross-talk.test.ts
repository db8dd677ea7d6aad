import '../security/cross-talk.test.ts'

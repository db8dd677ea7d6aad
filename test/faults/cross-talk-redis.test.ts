import '../security/cross-talk-redis.test.ts'

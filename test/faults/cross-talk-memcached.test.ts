import '../security/cross-talk-memcached.test.ts'

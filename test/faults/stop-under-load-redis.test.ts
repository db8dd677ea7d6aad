import '../start/stop-under-load-redis.test.ts'

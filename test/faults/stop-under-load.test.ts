import '../start/stop-under-load.test.ts'

import test from 'ava'
import { type DeviceKind, deviceKind } from '../../../src/features/devices/recognise.ts'
import { truncateAddress } from '../../../src/web/truncate-address.ts'
import { translations } from '../../support/translations.ts'

test('addresses are truncated: IPv4 to 24 bits, IPv6 to 48', (t) => {
  const addresses: [string | null, string | null][] = [
    ['203.0.113.77', '203.0.113.x'],
    ['::ffff:203.0.113.77', '203.0.113.x'],
    ['::ffff:cb00:714d', '203.0.113.x'],
    ['2001:db8:85a3:8d3:1319:8a2e:370:7348', '2001:db8:85a3:x'],
    ['2001:db8::7348', '2001:db8:0:x'],
    ['1::2:3:4:5:6:7', '1:0:2:x'],
    ['2001:0DB8:00a3::', '2001:db8:a3:x'],
    ['64:ff9b::203.0.113.77', '64:ff9b:0:x'],
    ['1:2:3:4:5:6:203.0.113.77', '1:2:3:x'],
    ['fe80::1%eth0', 'fe80:0:0:x'],
    ['::1', '::x'],
    ['127.1', null],
    ['<b>', null],
    ['', null],
    [null, null],
  ]
  for (const [whole, cut] of addresses) t.is(truncateAddress(whole), cut, String(whole))
})

test('a long invalid address takes no quadratic time', (t) => {
  const took = (address: string) => {
    const start = performance.now()
    truncateAddress(address)
    return performance.now() - start
  }
  const long = 100_000
  const [usual, ...slow] = ['1'.repeat(long), `${'%'.repeat(long)}\n`, `::ffff:${'1.'.repeat(long / 2)}x`].map(took)
  for (const time of slow) t.true(time < (usual ?? 0) * 20 + 200, String(time))
})

test('a device is named by its browser and system, if the user agent contains them', (t) => {
  const t9n = translations('en')
  const agents: [string | null, string, DeviceKind['form']][] = [
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox 128 on Linux', 'computer'],
    ['Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile', 'Chrome 126 on Android', 'phone'],
    ['Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) Version/16.6 Safari/604.1', 'Safari 16 on iPad', 'tablet'],
    ['Mozilla/5.0 (X11; Linux x86_64)', 'Unknown browser on Linux', 'computer'],
    ['\u202eevil/1.0', 'Unknown browser', 'unknown'],
    ['curl/7.88.1', 'Unknown browser', 'unknown'],
    ['   ', 'Unknown browser', 'unknown'],
    [null, 'Unknown browser', 'unknown'],
  ]
  for (const [agent, name, form] of agents) t.deepEqual(deviceKind(agent, t9n), { name, form }, String(agent))
})

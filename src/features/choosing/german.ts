import { germanVariants } from './german-variants.ts'

export const german: Readonly<Record<string, string>> = {
  ...germanVariants,

  Engines: 'Speicher',
  Engine: 'Speicher',
  'Choosing an engine': 'Einen Speicher wählen',
  'Running now:': 'Läuft gerade:',
  running: 'läuft',
  'On this page': 'Auf dieser Seite',
  'Four questions': 'Vier Fragen',
  'At a glance': 'Auf einen Blick',
  Speed: 'Tempo',
  'When something fails': 'Wenn etwas ausfällt',
  Abilities: 'Fähigkeiten',
  'One by one': 'Einer nach dem anderen',
  'Best for': 'Am besten für',
  'Avoid when': 'Besser nicht, wenn',
  'Where its promises end': 'Wo seine Versprechen enden',
  'Settings of {name}': 'Einstellungen für {name}',
  'Measured on {date} by npm run bench: {rounds} × {seconds} s, {connections} connections, {sessions} sessions; Node {node}, {processor}, {cores} cores.':
    'Gemessen am {date} mit npm run bench: {rounds} × {seconds} s, {connections} Verbindungen, {sessions} Sitzungen; Node {node}, {processor}, {cores} Kerne.',
  'There are no figures yet. This makes them:': 'Es gibt noch keine Zahlen. So entstehen sie:',
  'Koa without sessions': 'Koa ohne Sitzungen',
  'koa-session, in its cookie': 'koa-session, in seinem Cookie',
  'Not measured': 'Nicht gemessen',

  'Sessions are in': 'Die Sitzungen liegen',
  Scale: 'Skalierung',
  Complexity: 'Komplexität',
  Memory: 'Arbeitsspeicher',
  Setup: 'Einrichten',
  Upkeep: 'Pflege',
  'Page without session': 'Seite ohne Sitzung',
  Read: 'Lesen',
  Change: 'Ändern',
  'Read, p99': 'Lesen, p99',
  'Change, p99': 'Ändern, p99',
  'Out of reach': 'Nicht erreichbar',
  Restarted: 'Neu gestartet',
  Emptied: 'Geleert',
  'List of devices': 'Liste der Geräte',
  Statistics: 'Statistik',
  Clearing: 'Aufräumen',
  Warming: 'Vorwärmen',

  'Where sessions live is one setting. Nothing else in an application changes with it, and the two promises are the same everywhere, but for the exceptions that are written here.':
    'Wo Sitzungen liegen, ist eine einzige Einstellung. Sonst ändert sich an einer Anwendung nichts, und die beiden Versprechen sind überall dieselben, bis auf die Ausnahmen, die hier stehen.',
  'Answer the one that matters most to you first; the engines that fit are named, the best fit first.':
    'Beantworten Sie zuerst, was Ihnen am wichtigsten ist; die passenden Speicher sind genannt, der passendste zuerst.',
  'Read and Change: requests per second as a share of bare Koa, which does the same work without sessions.':
    'Lesen und Ändern: Anfragen je Sekunde als Anteil an bloßem Koa, das dieselbe Arbeit ohne Sitzungen tut.',
  'Shares are of the requests per second of bare Koa in the same round; p99 is the time within which 99 of 100 requests were answered. Compare them with each other: your machine will differ.':
    'Anteile an den Anfragen je Sekunde von bloßem Koa in derselben Runde; p99 ist die Zeit, in der 99 von 100 Anfragen beantwortet waren. Vergleichen Sie sie untereinander: Ihre Maschine ist eine andere.',
  'The sessions have about 300 bytes and are anonymous, and so fit in a cookie. A signed-in one on signed_cookies or hybrid costs one more statement for each request.':
    'Die Sitzungen haben etwa 300 Byte, sind anonym und passen in ein Cookie. Eine angemeldete kostet bei signed_cookies und hybrid eine Datenbankabfrage mehr je Anfrage.',
  'An outage never signs anybody out: who cannot be recognised for a moment gets a 503 and keeps the cookie.':
    'Ein Ausfall meldet niemanden ab: Wer einen Moment lang nicht zu erkennen ist, erhält eine 503 und behält sein Cookie.',
  'Clearing removes expired sessions by npm run sessions -- clear, and from time to time by the application itself. In the format django, devices cannot be listed, and statistics know no ages.':
    'Aufgeräumt werden abgelaufene Sitzungen, mit npm run sessions -- clear und von Zeit zu Zeit von der Anwendung selbst. Im Format django lassen sich Geräte nicht auflisten, und die Statistik kennt kein Alter.',
  'To change the engine later without signing anybody out, set SESSION_MOVING_FROM to the old one for a while.':
    'Um später zu wechseln, ohne jemanden abzumelden, nennen Sie den alten Speicher eine Zeit lang in SESSION_MOVING_FROM.',

  Infrastructure: 'Infrastruktur',
  'What is there already?': 'Was ist schon da?',
  'One machine, nothing else': 'Eine Maschine, sonst nichts',
  'Nothing to install, and it survives restarts.': 'Nichts zu installieren, und es übersteht Neustarts.',
  'A database server': 'Ein Datenbankserver',
  'Any number of machines, one thing to look after.': 'Beliebig viele Maschinen, und nur eines zu pflegen.',
  'A database server and a Redis': 'Ein Datenbankserver und ein Redis',
  'Reads are spared the database.': 'Das Lesen bleibt der Datenbank erspart.',
  'A Memcached': 'Ein Memcached',
  'With a database behind it, an eviction costs nothing.':
    'Mit einer Datenbank dahinter kostet eine Verdrängung nichts.',
  Durability: 'Haltbarkeit',
  'What may be lost when a server dies?': 'Was darf verloren gehen, wenn ein Server stirbt?',
  Nothing: 'Nichts',
  'A save is in the database before its answer.': 'Was geändert ist, steht vor der Antwort in der Datenbank.',
  'A moment, if two things fail at once': 'Ein Augenblick, wenn zweierlei zugleich ausfällt',
  'SESSION_CACHE_STRATEGY=write_behind answers before the database.':
    'SESSION_CACHE_STRATEGY=write_behind antwortet vor der Datenbank.',
  'All of it: people sign in again': 'Alles: Man meldet sich neu an',
  'No save waits for a disk.': 'Kein Speichern wartet auf eine Festplatte.',
  Traffic: 'Betrieb',
  'How often does a session change?': 'Wie oft ändert sich eine Sitzung?',
  'Seldom, and it is read often': 'Selten, und sie wird oft gelesen',
  'A read asks no database; that of a signed-in cookie asks for one short statement.':
    'Lesen braucht keine Datenbank, bei angemeldeten Cookies eine kurze Abfrage.',
  'In nearly every request, on many machines': 'In fast jeder Anfrage, auf vielen Maschinen',
  'One round trip for each change.': 'Ein Hin und Her je Änderung.',
  'As in most applications': 'Wie in den meisten Anwendungen',
  'One statement for a read, one more for a change.': 'Eine Abfrage fürs Lesen, eine weitere fürs Ändern.',
  Security: 'Sicherheit',
  'What must never happen?': 'Was darf niemals geschehen?',
  'That an ended session is used again': 'Dass eine beendete Sitzung wieder benutzt wird',
  'It is gone from the server at once, also of anonymous visitors.':
    'Sie ist sofort vom Server verschwunden, auch bei anonymen Besuchern.',
  'That a user cannot see and end a device': 'Dass jemand ein Gerät nicht sehen und abmelden kann',
  'They know whose sessions they keep.': 'Sie wissen, wessen Sitzungen sie halten.',
  'That a stolen database tells anything': 'Dass eine gestohlene Datenbank etwas verrät',
  'In the format sealed every engine encrypts; a cookie leaves no data on the server.':
    'Im Format sealed verschlüsselt jeder Speicher; ein Cookie lässt keine Daten auf dem Server.',
}

export const german: Readonly<Record<string, string>> = {
  Operations: 'Betrieb',
  'How the sessions of this process are doing, on the engine {engine}.':
    'Wie es den Sitzungen dieses Prozesses geht, auf dem Speicher {engine}.',
  'Counted since {time}; at most the last ten minutes.': 'Gezählt seit {time}; höchstens die letzten zehn Minuten.',
  Pause: 'Anhalten',
  'Show it live': 'Laufend zeigen',
  'Stop renewing this page': 'Diese Seite nicht mehr erneuern',
  'Nobody has asked for anything yet. Open another page, and figures appear here within ten seconds.':
    'Noch hat niemand etwas abgerufen. Öffnen Sie eine andere Seite, und binnen zehn Sekunden stehen hier Zahlen.',
  'Against target and alert level': 'Gemessen an Ziel und Alarmschwelle',
  'The engine {engine} keeps no copies in a cache, so there is no hit ratio, write success or fallback to watch.':
    'Der Speicher {engine} hält keine Kopien in einem Cache, darum gibt es keine Trefferquote, keine Schreibquote und kein Ausweichen zu beobachten.',

  'All is well.': 'Alles in Ordnung.',
  'Act now: {names}.': 'Jetzt handeln: {names}.',
  'Keep an eye on: {names}.': 'Im Auge behalten: {names}.',
  'There is too little traffic to judge by, below {count} events of a kind.':
    'Zu wenig Betrieb für ein Urteil, unter {count} Ereignissen je Art.',
  Good: 'Gut',
  'Target missed': 'Ziel verfehlt',
  Alert: 'Alarm',
  'Too few to judge': 'Zu wenige',
  'Nothing yet': 'Noch nichts',
  'Target: at most {target}. Alert: above {alert}.': 'Ziel: höchstens {target}. Alarm: über {alert}.',
  'Target: at least {target}. Alert: below {alert}.': 'Ziel: mindestens {target}. Alarm: unter {alert}.',
  'The last ten minutes: between {lowest} and {highest}.': 'Die letzten zehn Minuten: zwischen {lowest} und {highest}.',
  'What to do': 'Was zu tun ist',
  'If it turns red': 'Wenn es rot wird',

  'Response time, P95': 'Antwortzeit, P95',
  '95 of 100 answers were ready within this time.': '95 von 100 Antworten waren in dieser Zeit fertig.',
  'See in the table of times whether sessions are the slow part; if not, look at the slowest pages in the log.':
    'Sehen Sie in der Tabelle der Zeiten, ob die Sitzungen langsam sind; wenn nicht, im Protokoll nach den langsamsten Seiten.',
  Conflicts: 'Konflikte',
  'Saves that met a newer state of the session; the change was applied to that one, and nothing was lost.':
    'Speichern traf auf einen neueren Stand der Sitzung; die Änderung wurde auf ihn angewendet, und nichts ging verloren.',
  'Look for a page that sends several changing requests at once, and for clients that repeat them without end.':
    'Suchen Sie nach einer Seite, die mehrere ändernde Anfragen zugleich sendet, und nach Clients, die sie endlos wiederholen.',
  'Ended elsewhere': 'Anderswo beendet',
  'Changes that came too late: the session had been ended meanwhile, and they were refused.':
    'Änderungen, die zu spät kamen: Die Sitzung war inzwischen beendet, und sie wurden abgewiesen.',
  'After a wave of sign-outs it passes by itself; otherwise a client goes on sending with sessions that are over.':
    'Nach vielen Abmeldungen vergeht es von selbst; sonst sendet ein Client mit Sitzungen weiter, die vorbei sind.',
  'Cache hit ratio': 'Trefferquote des Caches',
  'Reads that the cache answered, so that the database was not asked.':
    'Lesezugriffe, die der Cache beantwortete, ohne dass die Datenbank gefragt wurde.',
  'Give the cache more memory if it evicts, raise SESSION_CACHE_TIMEOUT, or warm it with "npm run sessions -- warm".':
    'Geben Sie dem Cache mehr Speicher, wenn er verdrängt, erhöhen Sie SESSION_CACHE_TIMEOUT, oder wärmen Sie ihn mit „npm run sessions -- warm“.',
  'Cache write success': 'Schreibquote des Caches',
  'Writes to the cache that it confirmed in time.': 'Schreibzugriffe, die der Cache rechtzeitig bestätigte.',
  'See that the cache can be reached and has memory left; a slow network may need a longer CACHE_COMMAND_TIMEOUT.':
    'Prüfen Sie, ob der Cache erreichbar ist und Speicher frei hat; ein langsames Netz braucht vielleicht ein längeres CACHE_COMMAND_TIMEOUT.',
  'Database fallback': 'Ausweichen auf die Datenbank',
  'Reads that went to the database because the cache was down or could not be believed.':
    'Lesezugriffe, die zur Datenbank gingen, weil der Cache ausgefallen oder nicht verlässlich war.',
  'Mend the cache. Every page is right meanwhile, but the database bears the whole load.':
    'Bringen Sie den Cache in Ordnung. Alle Seiten stimmen derweil, aber die Datenbank trägt die ganze Last.',
  'State of the cache': 'Zustand des Caches',
  up: 'in Betrieb',
  down: 'ausgefallen',
  'Target: up. Alert: down.': 'Ziel: in Betrieb. Alarm: ausgefallen.',
  'Down: it did not answer {count} times in a row, and no request asks it until it does.':
    'Ausgefallen: Er antwortete {count}-mal hintereinander nicht, und keine Anfrage fragt ihn, bis er es tut.',
  'See why the cache does not answer. Within five seconds of its return it is used again.':
    'Sehen Sie nach, warum der Cache nicht antwortet. Binnen fünf Sekunden nach seiner Rückkehr wird er wieder benutzt.',
  'Waiting for the database': 'Warten auf die Datenbank',
  'Sessions whose newest state is in the cache, and in the database a moment later.':
    'Sitzungen, deren neuester Stand im Cache ist und einen Moment später in der Datenbank.',
  'See that the database answers; when the queue is full, saves wait for it.':
    'Prüfen Sie, ob die Datenbank antwortet; ist die Schlange voll, wartet das Speichern auf sie.',

  Times: 'Zeiten',
  'P50: half of them were this fast or faster. P95 and P99: so were 95 and 99 of 100.':
    'P50: Die Hälfte war so schnell oder schneller. P95 und P99: so waren es 95 und 99 von 100.',
  What: 'Was',
  'A whole answer': 'Eine ganze Antwort',
  'of this, loading a session': 'davon eine Sitzung laden',
  'of this, saving a session': 'davon eine Sitzung speichern',

  Sessions: 'Sitzungen',
  'Live now': 'Jetzt am Leben',
  '{count} of them are signed in.': '{count} davon sind angemeldet.',
  'Counted in the store at {time}, for all processes.': 'Im Speicher gezählt um {time}, für alle Prozesse.',
  'By age': 'Nach Alter',
  'Expired ones do no harm, but take up room: "npm run sessions -- clear" removes them.':
    'Abgelaufene schaden nicht, brauchen aber Platz: „npm run sessions -- clear“ entfernt sie.',
  'Expired, not yet cleared': 'Abgelaufen, noch nicht entfernt',
  Live: 'Am Leben',
  'Under 1 day old': 'Unter 1 Tag alt',
  'Under 1 week old': 'Unter 1 Woche alt',
  'Over 1 week old': 'Über 1 Woche alt',
  'The largest sessions': 'Die größten Sitzungen',
  Size: 'Größe',
  User: 'Benutzer',
  Begun: 'Begonnen',
  'Last active': 'Zuletzt aktiv',
  anonymous: 'anonym',
  'They are being counted. On a large table this takes a moment.':
    'Sie werden gezählt. Bei einer großen Tabelle dauert das einen Moment.',
  'The store does not answer, so they cannot be counted.':
    'Der Speicher antwortet nicht, darum können sie nicht gezählt werden.',
  'The engine {engine} cannot count its sessions.': 'Der Speicher {engine} kann seine Sitzungen nicht zählen.',

  'Around them': 'Um sie herum',
  'Cookies that led nowhere': 'Cookies, die ins Leere führten',
  'Some are always there: sessions expire. Many unreadable ones after a change of SECRET_KEY mean that the old key is missing from SECRET_KEY_FALLBACKS.':
    'Einige gibt es immer: Sitzungen laufen ab. Viele unlesbare nach einem Wechsel von SECRET_KEY heißen, dass der alte Schlüssel in SECRET_KEY_FALLBACKS fehlt.',
  'Sent twice': 'Doppelt gesendet',
  'Not a possible key': 'Kein möglicher Schlüssel',
  'Unknown or expired': 'Unbekannt oder abgelaufen',
  Unreadable: 'Unlesbar',
  Revoked: 'Widerrufen',
  'Connections to the database': 'Verbindungen zur Datenbank',
  'If requests wait for a connection again and again, the database is slow, or its pool too small.':
    'Wenn Anfragen immer wieder auf eine Verbindung warten, ist die Datenbank langsam oder ihr Vorrat zu klein.',
  'In use': 'In Gebrauch',
  Free: 'Frei',
  'Requests waiting': 'Wartende Anfragen',
  'Cache server {number}': 'Cache-Server {number}',
  'In its own words. Evictions mean that it has too little memory.':
    'In seinen eigenen Worten. Verdrängungen (evictions) heißen, dass er zu wenig Speicher hat.',
  'It does not answer.': 'Er antwortet nicht.',
  'The last ten minutes as a table': 'Die letzten zehn Minuten als Tabelle',
  Time: 'Zeit',
  Requests: 'Anfragen',
}

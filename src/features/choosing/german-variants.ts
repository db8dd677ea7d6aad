/** German for what is said of the single engines. */
export const germanVariants: Readonly<Record<string, string>> = {
  'db on SQLite': 'db auf SQLite',
  'db on PostgreSQL or MySQL': 'db auf PostgreSQL oder MySQL',
  'cache on Redis': 'cache auf Redis',
  'cache on Memcached': 'cache auf Memcached',
  'cache in memory': 'cache im Arbeitsspeicher',

  Disk: 'auf der Festplatte',
  None: 'Keine',
  'As Redis is set up': 'wie Redis eingerichtet ist',
  'In memory': 'im Arbeitsspeicher',
  'The browser': 'im Browser',
  'The browser and the disk': 'im Browser und auf der Festplatte',
  'One machine': 'Eine Maschine',
  'Many machines': 'Viele Maschinen',
  'One process': 'Ein Prozess',
  'As its database': 'Wie seine Datenbank',
  Low: 'Gering',
  Medium: 'Mittel',
  High: 'Hoch',
  Little: 'Wenig',
  'Almost none': 'Fast keiner',
  'Active sessions, in the cache': 'Aktive Sitzungen, im Cache',
  'All sessions, in Redis': 'Alle Sitzungen, in Redis',
  'All sessions, in Memcached': 'Alle Sitzungen, in Memcached',
  'All sessions, 64 MiB at most': 'Alle Sitzungen, höchstens 64 MiB',
  'Nothing, it is the default': 'Nichts, ist voreingestellt',
  'A database and a cache': 'Eine Datenbank und ein Cache',
  'A Redis server': 'Ein Redis-Server',
  'Memcached 1.6 or later': 'Memcached ab 1.6',
  'A folder': 'Ein Ordner',
  'A secret, and the database for logouts': 'Ein Geheimnis, und die Datenbank fürs Abmelden',
  'A secret and a database': 'Ein Geheimnis und eine Datenbank',
  'Back up one file': 'Eine Datei sichern',
  'That of the database': 'Die der Datenbank',
  'That of both': 'Die von beiden',
  'Memory, persistence, failover': 'Speicher, Dauerhaftigkeit, Ausfall',
  'Watch evictions': 'Verdrängungen beobachten',
  'Disk space and inodes': 'Plattenplatz und Inodes',
  'Keep sessions small': 'Sitzungen klein halten',

  Yes: 'Ja',
  No: 'Nein',
  'Not needed': 'Nicht nötig',
  'With CACHE_FALLBACK=db': 'Mit CACHE_FALLBACK=db',
  'Expires by itself': 'Läuft von selbst ab',
  'No list; all can be ended': 'Keine Liste; alle lassen sich beenden',
  'Large sessions; all can be ended': 'Große Sitzungen; alle lassen sich beenden',
  'Large sessions': 'Große Sitzungen',
  'Of ended sign-ins': 'Von beendeten Anmeldungen',

  'Nothing is lost.': 'Nichts geht verloren.',
  'Everyone is signed out, cleanly.': 'Alle sind abgemeldet, ohne Fehler.',
  'Everyone is signed out; with CACHE_FALLBACK=db, nobody is.': 'Alle sind abgemeldet; mit CACHE_FALLBACK=db niemand.',
  'There is no server.': 'Es gibt keinen Server.',
  'There is no server. A full disk, or a database locked for 5 seconds, is a 503; the cookie stays.':
    'Es gibt keinen Server. Eine volle Festplatte oder eine 5 Sekunden lang gesperrte Datenbank ist eine 503; das Cookie bleibt.',
  'Pages that need the session answer 503 after a second at most; the cookie stays.':
    'Seiten, die die Sitzung brauchen, antworten nach höchstens einer Sekunde mit 503; das Cookie bleibt.',
  'The cache: the database serves. The database: copies are read for up to SESSION_CACHE_TIMEOUT, and changes are a 503.':
    'Der Cache: Die Datenbank springt ein. Die Datenbank: Kopien werden bis zu SESSION_CACHE_TIMEOUT gelesen, Änderungen sind eine 503.',
  'Nothing is lost; copies are made anew.': 'Nichts geht verloren; Kopien entstehen neu.',
  'The cache: nothing is lost. The database: everyone is signed out, after SESSION_CACHE_TIMEOUT at the latest.':
    'Der Cache: Nichts geht verloren. Die Datenbank: Alle sind abgemeldet, spätestens nach SESSION_CACHE_TIMEOUT.',
  'Pages that need the session answer 503, and the cookie stays; with CACHE_FALLBACK=db, the database serves.':
    'Seiten, die die Sitzung brauchen, antworten mit 503, und das Cookie bleibt; mit CACHE_FALLBACK=db springt die Datenbank ein.',
  'What Redis had written to its disk is there again; with CACHE_FALLBACK=db, all of it.':
    'Was Redis auf seine Festplatte geschrieben hatte, ist wieder da; mit CACHE_FALLBACK=db alles.',
  'Pages that need a session on it answer 503, and the cookie stays; with CACHE_FALLBACK=db, the database serves.':
    'Seiten, die eine Sitzung darauf brauchen, antworten mit 503, und das Cookie bleibt; mit CACHE_FALLBACK=db springt die Datenbank ein.',
  'Everyone is signed out whenever the application restarts; with CACHE_FALLBACK=db, nobody is.':
    'Bei jedem Neustart der Anwendung sind alle abgemeldet; mit CACHE_FALLBACK=db niemand.',
  'There is no server. A full or read-only disk is a 503, and the old record stays whole.':
    'Es gibt keinen Server. Eine volle oder schreibgeschützte Festplatte ist eine 503, und der alte Stand bleibt heil.',
  'Nothing is lost: a record is on the disk before the answer.':
    'Nichts geht verloren: Der neue Stand liegt vor der Antwort auf der Festplatte.',
  'Without the database, signed-in visitors get a 503; anonymous ones notice nothing.':
    'Ohne die Datenbank erhalten Angemeldete eine 503; anonyme Besucher merken nichts.',
  'Nobody is signed out; but sessions that were ended count again until their age is over.':
    'Niemand ist abgemeldet; aber beendete Sitzungen gelten wieder, bis ihre Zeit um ist.',
  'Without the database, signed-in visitors and those with a large session get a 503; others notice nothing.':
    'Ohne die Datenbank erhalten Angemeldete und Besucher mit großer Sitzung eine 503; andere merken nichts.',
  'Large sessions end. Small ones go on, and those that were ended count again until their age is over.':
    'Große Sitzungen enden. Kleine gehen weiter, und beendete unter ihnen gelten wieder, bis ihre Zeit um ist.',

  'Development, and every application that one machine is enough for.':
    'Entwicklung, und jede Anwendung, der eine Maschine genügt.',
  'There are several machines, or a change of the session in nearly every request of a busy site.':
    'Es mehrere Maschinen gibt, oder fast jede Anfrage einer belebten Seite die Sitzung ändert.',
  'Several machines that share a database anyway, and sessions that must outlast everything.':
    'Mehrere Maschinen, die ohnehin eine Datenbank teilen, und Sitzungen, die alles überdauern müssen.',
  'The database is the bottleneck already: put a cache in front of it with cached_db.':
    'Die Datenbank schon jetzt der Engpass ist: Setzen Sie mit cached_db einen Cache davor.',
  'Many reads for each change, on sessions that must neither be lost nor wait for an outage of the cache.':
    'Viel Lesen und wenig Ändern, bei Sitzungen, die weder verloren gehen noch auf einen ausgefallenen Cache warten dürfen.',
  'One database is quick enough alone, or there is nobody to look after two servers.':
    'Die Datenbank allein schnell genug ist, oder niemand zwei Server pflegen kann.',
  'Many machines and many changes, where a Redis is looked after anyway. Cluster and Sentinel are for the largest.':
    'Viele Maschinen und viele Änderungen, wo ein Redis ohnehin gepflegt wird. Cluster und Sentinel sind für die größten.',
  'Losing a session costs more than a new sign-in, and Redis keeps no log on disk.':
    'Eine verlorene Sitzung mehr kostet als eine neue Anmeldung, und Redis kein Protokoll auf der Festplatte führt.',
  'Sessions that may be lost, or CACHE_FALLBACK=db, where Memcached is there already.':
    'Sitzungen, die verloren gehen dürfen, oder mit CACHE_FALLBACK=db, wo ein Memcached schon da ist.',
  'Users must see and end their devices, or a sign-out by eviction would be a nuisance.':
    'Benutzer ihre Geräte sehen und abmelden sollen, oder eine Abmeldung durch Verdrängung stören würde.',
  'Tests, demonstrations, and a single process whose sessions are worth little.':
    'Tests, Vorführungen und einen einzelnen Prozess, dessen Sitzungen wenig wert sind.',
  'There is a second process, or a deployment must not sign anybody out.':
    'Es einen zweiten Prozess gibt, oder eine neue Version niemanden abmelden darf.',
  'One machine, few changes, and sessions that can be looked at, copied and restored with any tool.':
    'Eine Maschine, wenige Änderungen, und Sitzungen, die sich mit jedem Werkzeug kopieren und zurückspielen lassen.',
  'Sessions change often, there are millions of them, or users must see their devices.':
    'Sitzungen sich oft ändern, es Millionen sind, oder Benutzer ihre Geräte sehen sollen.',
  'Small sessions of mostly anonymous visitors, and nothing of theirs kept on the server.':
    'Kleine Sitzungen meist anonymer Besucher, von denen nichts auf dem Server liegt.',
  'Changes overlap (carts, counters), sessions grow beyond 4096 bytes, or a replay would do harm.':
    'Änderungen sich überschneiden (Warenkörbe, Zähler), Sitzungen über 4096 Byte wachsen, oder ein altes Cookie schaden könnte.',
  'Sessions that are small for most visitors and large for a few.':
    'Sitzungen, die bei den meisten Besuchern klein und bei wenigen groß sind.',
  'Every session must keep both promises, or one size fits all: then take db or signed_cookies.':
    'Jede Sitzung beide Versprechen halten muss, oder alle gleich groß sind: Dann nehmen Sie db oder signed_cookies.',

  'A power cut may cost the commits of the last moment (synchronous=NORMAL); a crash costs none.':
    'Ein Stromausfall kann kosten, was im letzten Augenblick geschrieben wurde (synchronous=NORMAL), ein Absturz nichts.',
  'A failover to a replica that lags behind takes the sessions back in time, as it does all other data.':
    'Der Wechsel auf ein Replikat, das hinterherhinkt, versetzt die Sitzungen zurück wie alle anderen Daten.',
  'While one process cannot reach the cache and another can, the other may read a copy that is up to SESSION_CACHE_TIMEOUT old, of an ended session too. Nothing is ever saved on it.':
    'Solange ein Prozess den Cache nicht erreicht und ein anderer schon, kann dieser eine bis zu SESSION_CACHE_TIMEOUT alte Kopie lesen, auch die einer beendeten Sitzung. Gespeichert wird darauf nie.',
  'write_behind: a change waits about 100 milliseconds for the database, longer while that is out. It is lost if the cache loses the entry meanwhile and the process dies or another one serves the session first, or if processes disagree on whether the cache is down.':
    'write_behind: Eine Änderung wartet etwa 100 Millisekunden auf die Datenbank, bei deren Ausfall länger. Sie geht verloren, wenn währenddessen der Cache den Eintrag verliert und der Prozess stirbt oder ein anderer die Sitzung vorher bedient, oder wenn Prozesse uneins sind, ob der Cache ausgefallen ist.',
  'With CACHE_URL=memory: it is for a single process, since no other would notice a change.':
    'Mit CACHE_URL=memory: ist er für einen einzigen Prozess, denn kein anderer bemerkte eine Änderung.',
  'After a crash, Redis is as its last snapshot or log was. With snapshots alone, later changes are lost, and sessions ended since then live again: set appendonly yes.':
    'Nach einem Absturz ist Redis, wie es beim letzten Abbild oder im Protokoll war. Mit Abbildern allein sind spätere Änderungen verloren, und seither beendete Sitzungen leben wieder: Setzen Sie appendonly yes.',
  'A failover by Sentinel or Cluster may lose the last writes, the end of a session among them.':
    'Ein Wechsel durch Sentinel oder Cluster kann die letzten Schreibvorgänge verlieren, auch das Ende einer Sitzung.',
  'A full Redis that may evict forgets sessions: set maxmemory-policy noeviction.':
    'Ein volles Redis, das verdrängen darf, vergisst Sitzungen: Setzen Sie maxmemory-policy noeviction.',
  'With CACHE_LOCAL_ENTRIES, a process may read a copy that is up to 5 seconds old. It never saves over a newer one.':
    'Mit CACHE_LOCAL_ENTRIES kann ein Prozess eine bis zu 5 Sekunden alte Kopie lesen. Einen neueren Stand überschreibt er nie.',
  'A full server forgets in silence what was longest without use, and a restarted one everything. Those sessions end.':
    'Ein voller Server vergisst stillschweigend, was am längsten unbenutzt war, ein neu gestarteter alles. Diese Sitzungen enden.',
  'A change of the list of servers ends the sessions whose place moves. A server must be empty when it returns to the list, or what was ended meanwhile lives again.':
    'Wird die Liste der Server geändert, enden die Sitzungen, deren Platz wechselt. Ein Server muss leer sein, wenn er in die Liste zurückkehrt, sonst lebt wieder, was inzwischen beendet wurde.',
  'Without CACHE_FALLBACK=db, an eviction may also take what leads from an old key to the new one, for REQUEST_TIMEOUT after a change of key. A late request with the old key is then anonymous: a change of it begins a session, whose cookie may replace the newer one, and a logout ends nothing.':
    'Ohne CACHE_FALLBACK=db kann auch verdrängt werden, was nach einem Schlüsselwechsel für REQUEST_TIMEOUT vom alten Schlüssel zum neuen führt. Eine späte Anfrage mit dem alten ist dann anonym: Ihre Änderung beginnt eine Sitzung, deren Cookie das neuere ersetzen kann, und eine Abmeldung beendet nichts.',
  'A restart ends every session, and beyond 64 MiB the one that was longest without use ends.':
    'Ein Neustart beendet alle Sitzungen, und über 64 MiB endet die am längsten unbenutzte.',
  'It is for one machine. Several may share a folder if their clocks agree to a second.':
    'Er ist für eine Maschine. Mehrere dürfen einen Ordner teilen, wenn ihre Uhren auf eine Sekunde übereinstimmen.',
  'A restored backup takes the sessions back in time: what was changed since is gone, and those ended since live again.':
    'Eine eingespielte Sicherung versetzt die Sitzungen zurück: Was seither geändert wurde, ist weg, und seither beendete leben wieder.',
  'A restored backup of the database takes the sessions back in time: those ended since live again, and what was changed since is gone with the next change. Until then the cache may show it, for SESSION_CACHE_TIMEOUT: empty it as well.':
    'Eine eingespielte Sicherung der Datenbank versetzt die Sitzungen zurück: Seither beendete leben wieder, und was seither geändert wurde, ist mit der nächsten Änderung weg. Bis dahin kann der Cache es zeigen, für SESSION_CACHE_TIMEOUT: Leeren Sie auch ihn.',
  'A restored backup of the database forgets which sign-ins were ended since: copies of their cookies count again, until their age or SESSION_COOKIE_REPLAY is over.':
    'Eine eingespielte Sicherung der Datenbank vergisst, welche Anmeldungen seither beendet wurden: Kopien ihrer Cookies gelten wieder, bis ihre Zeit oder SESSION_COOKIE_REPLAY um ist.',
  'Of two changes that overlap, the one whose answer comes last wins.':
    'Von zwei Änderungen, die sich überschneiden, gilt die, deren Antwort zuletzt kommt.',
  'A logout ends every copy of a signed-in cookie. A copy of an anonymous one, and an older one of any live session, counts until its age or SESSION_COOKIE_REPLAY is over.':
    'Eine Abmeldung beendet jede Kopie eines angemeldeten Cookies. Eine Kopie eines anonymen, und eine ältere jeder lebenden Sitzung, gilt, bis ihre Zeit oder SESSION_COOKIE_REPLAY um ist.',
  'After a change of key, a request that is under way with the old cookie reads, but its change is refused with a 409; an answer that was sent before and arrives later brings the old cookie back.':
    'Nach einem Schlüsselwechsel liest eine Anfrage, die mit dem alten Cookie unterwegs ist, aber ihre Änderung wird mit 409 abgelehnt; eine Antwort, die vorher abging und später ankommt, bringt das alte Cookie zurück.',
  'The answer to a logout that an anonymous visitor sent before signing in takes the newer cookie from the browser.':
    'Die Antwort auf eine Abmeldung, die jemand noch ohne Anmeldung abgeschickt hat, nimmt dem Browser das neuere Cookie.',
  'Above SESSION_HYBRID_LIMIT a session is in the database, and both promises hold. In the cookie they do not:':
    'Über SESSION_HYBRID_LIMIT liegt eine Sitzung in der Datenbank, und beide Versprechen gelten. Im Cookie gelten sie nicht:',
}

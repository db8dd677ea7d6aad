"""A Django site that does with its session what the test tells it to, on a free port that it prints."""

import json
import os
import sys
import threading
import urllib.request
from datetime import datetime, timezone
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

OWN = json.loads(os.environ['DJANGO_SETTINGS'])

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=['127.0.0.1'],
    USE_TZ=True,
    INSTALLED_APPS=['django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions'],
    MIDDLEWARE=[
        'django.contrib.sessions.middleware.SessionMiddleware',
        'django.contrib.auth.middleware.AuthenticationMiddleware',
    ],
    DEFAULT_AUTO_FIELD='django.db.models.AutoField',
    **OWN,
)
django.setup()

from django.contrib import auth  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


def write(request, values):
    request.session.update(values)


def write_python(request, text):
    # NaN and integers of any size, which a request's JSON cannot hold.
    request.session.update(json.loads(text))


def append(request, name, item):
    request.session[name]['items'].append(item)
    request.session.modified = True


def increment(request, name):
    request.session[name] = request.session.get(name, 0) + 1


def expire(request, seconds=None, date=None):
    request.session.set_expiry(seconds if date is None else datetime.fromtimestamp(date / 1000, timezone.utc))


def marker(request, step):
    if step == 'set':
        request.session.set_test_cookie()
    elif step == 'delete':
        request.session.delete_test_cookie()


def sign_in(request, username, password):
    user = auth.authenticate(request, username=username, password=password)
    auth.login(request, user)


def register(request, username, password):
    User.objects.create_user(username, password=password)


def change_password(request, username, password):
    user = User.objects.get(username=username)
    user.set_password(password)
    user.save()


ACTIONS = {
    'read': lambda request: None,
    'write': write,
    'writePython': write_python,
    'append': append,
    'increment': increment,
    'expire': expire,
    'marker': marker,
    'cycle': lambda request: request.session.cycle_key(),
    'flush': lambda request: request.session.flush(),
    'signIn': sign_in,
    'signOut': lambda request: auth.logout(request),
    'register': register,
    'changePassword': change_password,
    'clearExpired': lambda request: call_command('clearsessions'),
}


def act(request):
    """Does what the body says; `hold` is an address that answers when the test has done its part in between."""
    told = json.loads(request.body)
    request.session.keys()
    if told['hold']:
        urllib.request.urlopen(told['hold'], timeout=60).close()
    ACTIONS[told['action']](request, **told['parameters'])
    if told['action'] == 'read':
        # First the user: where the hash does not hold, asking ends the session.
        user = request.user.username or None
        worked = request.session.test_cookie_worked()
        return JsonResponse({'data': dict(request.session.items()), 'user': user, 'cookiesWork': worked})
    return JsonResponse({})


urlpatterns = [path('', act)]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments):
        pass


def main():
    # The session table may exist already.
    call_command('migrate', fake_initial=True, verbosity=0)
    server = make_server('127.0.0.1', 0, get_wsgi_application(), server_class=Server, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({'port': server.server_port, 'version': django.VERSION[:2]}), flush=True)
    # The test holds the other end: when it goes, however it goes, so does the site.
    sys.stdin.read()


main()

"""Every tunable of batchgen, flat; units stand in the names. For operators: docs/settings.md."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from corsheaders.defaults import default_headers
from django.core.exceptions import ImproperlyConfigured

from batchgen import VERSION, cross_checks, env
from batchgen.db.postgresql.url import database
from batchgen.stored_files import EXPORTS, export_storage

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = env.choice("BATCHGEN_ENV", "development", ("development", "production"))
PRODUCTION = ENVIRONMENT == "production"
DEBUG = False

# Django ---------------------------------------------------------------------------------------

SECRET_KEY = env.secret(
    "BATCHGEN_SECRET_KEY",
    required=PRODUCTION,
    default="" if PRODUCTION else "known-to-all-so-for-development-only",
)
ALLOWED_HOSTS = env.hosts("BATCHGEN_ALLOWED_HOSTS", "127.0.0.1 localhost [::1]")
CSRF_TRUSTED_ORIGINS = env.origins("BATCHGEN_CSRF_TRUSTED_ORIGINS", subdomains=True)
INSTALLED_APPS = [
    "batchgen",  # before the admin, some of whose templates it has in its own words
    "django.contrib.admin.apps.SimpleAdminConfig",  # only the web process has use for its pages
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_results",
    "epics",
    "content",
    "content.pages",
    "content.export",
    "runs",
    "runs.webhooks",
    "workers",
    "web",
]
MIDDLEWARE = [
    "batchgen.http.request_log.RequestLogMiddleware",
    "batchgen.http.security_headers.SecurityHeaders",
    "batchgen.http.probes.ProbesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "batchgen.http.body_limit.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "batchgen.urls"
ASGI_APPLICATION = "batchgen.asgi.application"
#: The pages' addresses end with a slash, as the admin's; the API's never do.
APPEND_SLASH = True
LOGIN_URL = "web:sign-in"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.shell",
            ],
        },
    },
]
STATIC_URL = WHITENOISE_STATIC_PREFIX = "/static/"
#: Where exported files are: on several hosts one folder for all, or a bucket; docs/exports.md.
EXPORT_DIR = env.text("BATCHGEN_EXPORT_DIR") or str(BASE_DIR / ".local" / "exports")
EXPORT_S3_URL = env.text("BATCHGEN_EXPORT_S3_URL")
# The names of django-storages; None: it asks as AWS's own programs do, the host's role at last.
AWS_ACCESS_KEY_ID = env.text("AWS_ACCESS_KEY_ID") or None
AWS_SECRET_ACCESS_KEY = env.secret("AWS_SECRET_ACCESS_KEY") or None
AWS_SESSION_TOKEN = env.secret("AWS_SESSION_TOKEN") or None
STORAGES = {
    EXPORTS: export_storage(folder=EXPORT_DIR, s3_url=EXPORT_S3_URL),
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "batchgen.http.static_files.StaticStorage"},
}
STATIC_ROOT = BASE_DIR / ".local" / "static"
# Development serves the packages' files straight from where they are installed.
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = not PRODUCTION
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

AUTHENTICATION_BACKENDS = ["batchgen.accounts.login_throttle.ThrottledBackend"]
#: Wrong tries of one name from one address before sign-in is refused, until the window is over;
#: ten times as many of a name from everywhere, and from an address for all names.
SIGN_IN_TRIES = env.integer("BATCHGEN_SIGN_IN_TRIES", 10, least=1)
SIGN_IN_WINDOW_S = env.integer("BATCHGEN_SIGN_IN_WINDOW_S", 900, least=1)

#: Who may use Flower, as `user:password`, with commas between several. Flower reads the variable by
#: itself, and no file.
FLOWER_BASIC_AUTH = env.secret("FLOWER_BASIC_AUTH")

# The way from outside ----------------------------------------------------------------------------

#: Networks of the proxies that are believed who asks, and whether by TLS; None: whoever connects.
TRUSTED_PROXIES = env.networks("BATCHGEN_TRUSTED_PROXIES")
#: The path that batchgen is served at, without a slash at its end; empty: a host of its own.
ROOT_PATH = env.url_path(
    "BATCHGEN_ROOT_PATH",
    taken=(
        *("admin", "api", "cards", "epics", "invitations", "members", "ops", "pages"),
        *("projects", "queue", "runs", "sign-in", "sign-out", "static", "stories", "subtasks"),
        *("theme", "uploads"),
    ),
)
#: Where the pages of staff lead to Flower; empty: nowhere. docs/proxies.md has it on this origin.
FLOWER_URL = env.link("BATCHGEN_FLOWER_URL")
# TLS is expected in front of a production web process.
SECURE_SSL_REDIRECT = env.boolean("BATCHGEN_SSL_REDIRECT", default=PRODUCTION)
#: How long a browser asks by TLS alone. Subdomains, and the browsers' own lists, which keep a name
#: for months, are for whoever owns the whole domain to decide.
SECURE_HSTS_SECONDS = env.integer("BATCHGEN_HSTS_S", 31_536_000 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.boolean("BATCHGEN_HSTS_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.boolean("BATCHGEN_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # as said above
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = ROOT_PATH or "/"
X_FRAME_OPTIONS = "DENY"

#: Pages of other origins that may call the API, with a token. Sessions stay with our own pages.
CORS_ALLOWED_ORIGINS = env.origins("BATCHGEN_CORS_ORIGINS")
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "last-event-id"]
CORS_EXPOSE_HEADERS = ["Content-Disposition", "Idempotent-Replayed", "Retry-After"]

#: Largest request body, in bytes; a backlog of 10,000 cards has about 4 MB.
MAX_BODY_BYTES = env.integer("BATCHGEN_MAX_BODY_BYTES", 10_000_000, least=1_000)
#: Largest file that is handed in. Around it stand the parts of a form, or JSON's escapes.
UPLOAD_BYTES = env.integer("BATCHGEN_UPLOAD_BYTES", 10_000_000, least=1_000, most=100_000_000)
MAX_UPLOAD_BODY_BYTES = UPLOAD_BYTES + 1_000_000
#: Files that one web process reads at once, each in a process of its own, and for how long. A
#: user's one place for it is held a little longer.
UPLOAD_READERS = env.integer("BATCHGEN_UPLOAD_READERS", 2, least=1, most=100)
UPLOAD_READ_S = env.number("BATCHGEN_UPLOAD_READ_S", 20, least=0.1, most=25)
DATA_UPLOAD_MAX_MEMORY_SIZE = max(MAX_BODY_BYTES, MAX_UPLOAD_BODY_BYTES)
#: A body that has not arrived whole by then is given up.
BODY_TIMEOUT_S = env.number("BATCHGEN_BODY_TIMEOUT_S", 60, least=0.1, most=3600)
#: Address and headers of a request together, in bytes.
HEAD_BYTES = env.integer("BATCHGEN_HEAD_BYTES", 32_768, least=8_192, most=1_000_000)
#: A head that is not whole by then ends its connection, as silence does.
HEAD_TIMEOUT_S = env.number("BATCHGEN_HEAD_TIMEOUT_S", 10, least=0.1, most=3600)
#: A client that reads less than about 100 kB in so long is cut off.
WRITE_TIMEOUT_S = env.number("BATCHGEN_WRITE_TIMEOUT_S", 60, least=0.1, most=3600)
#: Open connections of one web process: of all, and of one address that is no trusted proxy's.
CONNECTIONS = env.integer("BATCHGEN_CONNECTIONS", 2_000, least=10, most=60_000)
CONNECTIONS_PER_ADDRESS = env.integer("BATCHGEN_CONNECTIONS_PER_ADDRESS", 1_000, least=10)
#: One statement of a web request, which then answers 503; 0 = no limit. Workers have none.
WEB_STATEMENT_TIMEOUT_S = env.number("BATCHGEN_WEB_STATEMENT_TIMEOUT_S", 30, most=3600)
#: Of one user, or one address that is not signed in; 0 = no limit.
REQUESTS_PER_MINUTE = env.integer("BATCHGEN_REQUESTS_PER_MINUTE", 6000)
#: Tries to add a member; each tells whether a user exists. 0 = no limit.
MEMBERS_PER_MINUTE = env.integer("BATCHGEN_MEMBERS_PER_MINUTE", 30)
#: What one user may have at most: projects, and all that is stored in them; runs that are not
#: over, and their lanes and epics.
USER_PROJECTS = env.integer("BATCHGEN_USER_PROJECTS", 1_000, least=1)
USER_STORED_ROWS = env.integer("BATCHGEN_USER_STORED_ROWS", 2_000_000, least=1)
USER_UPLOAD_CHARACTERS = env.integer("BATCHGEN_USER_UPLOAD_CHARACTERS", 200_000_000, least=1)
USER_RUNS = env.integer("BATCHGEN_USER_RUNS", 100, least=1)
USER_LANES = env.integer("BATCHGEN_USER_LANES", 20_000, least=1)
USER_ITEMS = env.integer("BATCHGEN_USER_ITEMS", 100_000, least=1)
#: The MB of exported files of the projects that one user created.
USER_EXPORT_MB = env.integer("BATCHGEN_USER_EXPORT_MB", 10_000, least=1)
#: How long an exported file can be fetched before it is deleted.
EXPORT_KEEP_S = env.integer("BATCHGEN_EXPORT_KEEP_S", 604_800, least=60)
#: Whoever is added to a project has no role in it before they accept. Off: at once, as scripts
#: that set up projects for others expect.
MEMBERS_NEED_ACCEPTANCE = env.boolean("BATCHGEN_MEMBERS_NEED_ACCEPTANCE", default=False)
#: How long the answer to a POST with an Idempotency-Key is kept for a repetition.
IDEMPOTENCY_KEEP_S = env.integer("BATCHGEN_IDEMPOTENCY_KEEP_S", 86_400, least=60)
#: How long a start may name a quote.
QUOTE_VALID_S = env.integer("BATCHGEN_QUOTE_VALID_S", 3_600, least=60, most=86_400)

# Webhooks -------------------------------------------------------------------------------------

#: Where they may go beside the public internet by https: networks (None: all), and plain http.
WEBHOOK_NETWORKS = env.networks("BATCHGEN_WEBHOOK_NETWORKS")
WEBHOOK_HTTP = env.boolean("BATCHGEN_WEBHOOK_HTTP", default=False)
#: And to which ports.
WEBHOOK_PORTS = env.ports("BATCHGEN_WEBHOOK_PORTS", "80 443 8080 8443")
#: From looking up the name to the end of the answer's headers; nobody reads more of it.
WEBHOOK_TIMEOUT_S = env.number("BATCHGEN_WEBHOOK_TIMEOUT_S", 10, least=0.1, most=60)
#: Deliveries that are sent at the same time, by all workers together.
WEBHOOKS_AT_ONCE = env.integer("BATCHGEN_WEBHOOKS_AT_ONCE", 20, least=1, most=500)
#: How long deliveries can be looked at and sent again.
WEBHOOK_KEEP_S = env.integer("BATCHGEN_WEBHOOK_KEEP_S", 604_800, least=172_800)
#: Webhooks of one project.
PROJECT_WEBHOOKS = env.integer("BATCHGEN_PROJECT_WEBHOOKS", 10, least=1, most=1_000)

# PostgreSQL: the truth ------------------------------------------------------------------------

DATABASE_URL = env.url(
    "DATABASE_URL", password=env.secret("DATABASE_PASSWORD"), required=PRODUCTION
)
#: Connections one process may hold at once. Threads share them: none is held during a call.
DATABASE_POOL_SIZE = env.integer("BATCHGEN_DATABASE_POOL_SIZE", 10, least=2, most=500)
#: DATABASE_URL leads to a pooler that gives each transaction another connection (PgBouncer in
#: transaction mode): no prepared statements, and no setting outlives its transaction.
DATABASE_POOLED = env.boolean("BATCHGEN_DATABASE_POOLED", default=False)
DATABASES: dict[str, Any] = {
    "default": database(
        DATABASE_URL or "postgresql:///batchgen",
        pooled=DATABASE_POOLED,
        pool_size=DATABASE_POOL_SIZE,
    )
}
#: How long `manage.py migrate` waits for a table; whoever comes later waits behind it.
MIGRATION_LOCK_S = env.number("BATCHGEN_MIGRATION_LOCK_S", 2, least=0.1, most=3600)

# Redis: the broker and all that may be lost -----------------------------------------------------

REDIS_URL = env.redis_url(
    "REDIS_URL",
    password=env.secret("REDIS_PASSWORD"),
    required=PRODUCTION,
    default="redis://127.0.0.1:6379/0",
)
#: Stands before every key. By default `batchgen:ID:` with the installation's id, which is in its
#: database, so that several installations can share one Redis.
REDIS_PREFIX = env.text("BATCHGEN_REDIS_PREFIX")

# Celery: the muscle -----------------------------------------------------------------------------

WORKER_CONCURRENCY = env.integer("BATCHGEN_WORKER_CONCURRENCY", 20, least=1, most=10_000)
#: Of one process; items' messages go by a client of their own.
BROKER_CONNECTIONS = 20
# The transport connects as REDIS_URL says: Celery and Flower never see the password.
CELERY_BROKER_URL = "redis://"
CELERY_BROKER_TRANSPORT = "batchgen.redis.broker:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    # Kombu's index of unacknowledged messages loses some at every kill and gives others back after
    # minutes. The lease and the reconciler are faster and exact, so it is off.
    "ack_emulation": False,
    "priority_steps": [0, 3, 6, 9],
    "queue_order_strategy": "priority",
    "max_connections": BROKER_CONNECTIONS,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_BROKER_POOL_LIMIT = BROKER_CONNECTIONS
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A Redis that refuses writes (out of memory, read-only) is one to wait for, not a reason to end.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
#: Messages of items are in a queue of their own, beside that of ordinary tasks.
ITEM_QUEUE = "epics"
CELERY_TASK_DEFAULT_QUEUE = "tasks"
# Late, so that a worker takes no more messages than it has threads: priorities stay exact.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_ACKS_ON_FAILURE = True
CELERY_TASK_ACKS_ON_TIMEOUT = True
# What tasks returned or raised is in the admin. Items keep none: each is a row of its own already.
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
# Older ones go by Celery's own task, which beat sends every night.
CELERY_RESULT_EXPIRES = timedelta(days=7)
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = WORKER_CONCURRENCY
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_RATE_LIMITS = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_STORE_EAGER_RESULT = False
CELERY_BEAT_SCHEDULE = {
    "delete expired rows": {
        "task": "workers.delete_expired",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600, "priority": 9},
    },
    "delete exported files": {
        "task": "export.delete_files",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600, "priority": 9},
    },
}

# The engine -----------------------------------------------------------------------------------

#: A worker that has not renewed its lease for so long is dead; its epics go to others.
WORKER_LEASE_S = env.number("BATCHGEN_WORKER_LEASE_S", 10, least=1, most=3600)
#: One that is gone for so long has its row no more.
WORKERS_KEPT = timedelta(days=7)
#: How often a worker renews its lease, and sees which of its epics are to be cancelled.
HEARTBEAT_S = env.number("BATCHGEN_HEARTBEAT_S", 0.5, least=0.05, most=60)
RECONCILE_S = env.number("BATCHGEN_RECONCILE_S", 0.25, least=0.05, most=60)
#: A message that should be in the broker and is not counts as lost after so long. A thread of a
#: worker has one in hand for BATCHGEN_SLOT_WAIT_S, or twice that, before it claims the epic.
MESSAGE_LOST_S = env.number("BATCHGEN_MESSAGE_LOST_S", 2, least=0.2, most=3600)
#: An epic that was being generated when its worker died so many times is given up: POISON.
MAX_CRASHES = env.integer("BATCHGEN_MAX_CRASHES", 3, least=1, most=100)
#: After so many like failures in a row a run is paused, for a person to look at.
FAILURES_IN_A_ROW = env.integer("BATCHGEN_FAILURES_IN_A_ROW", 10, least=1, most=1000)
#: How long a worker that was told to stop lets calls go on before it gives their epics back.
#: Keep it below the grace that whatever stops the worker allows before it kills.
STOP_GRACE_S = env.number("BATCHGEN_STOP_GRACE_S", 300, least=0, most=3600)
#: Waits up to this long happen in the worker's slot, which keeps them exact; longer ones park.
SLOT_WAIT_S = env.number("BATCHGEN_SLOT_WAIT_S", 1, least=0, most=60)
#: More epics than this in one start get a warning that says how long it may take.
MANY_EPICS = 15

# Live events ------------------------------------------------------------------------------------

#: How often a web process looks for news of the runs that somebody watches through it.
LIVE_INTERVAL_S = env.number("BATCHGEN_LIVE_INTERVAL_S", 0.025, least=0.005, most=10)
LIVE_HEARTBEAT_S = env.number("BATCHGEN_LIVE_HEARTBEAT_S", 15, least=0.1, most=30)
#: How often it is asked, for all open streams at once, whether they are still allowed.
LIVE_CHECK_S = env.number("BATCHGEN_LIVE_CHECK_S", 2, least=0.1, most=3600)
#: Open streams of one web process: of one user, and of all. Each is a socket.
LIVE_STREAMS_PER_USER = env.integer("BATCHGEN_LIVE_STREAMS_PER_USER", 250, least=1)
LIVE_STREAMS = env.integer("BATCHGEN_LIVE_STREAMS", 800, least=1)

# The provider ----------------------------------------------------------------------------------

ANTHROPIC_API_KEY = env.secret("ANTHROPIC_API_KEY", required=PRODUCTION)
ANTHROPIC_BASE_URL = env.text("ANTHROPIC_BASE_URL")
#: Who answers the runs that start now, by its name in `providers.registry`.
PROVIDER_NAME = env.choice("BATCHGEN_PROVIDER_NAME", "anthropic", ("anthropic", "simulator"))
MODEL = env.text("BATCHGEN_MODEL", "claude-sonnet-5-5")
PROVIDER_TIMEOUT_S = env.number("BATCHGEN_PROVIDER_TIMEOUT_S", 300, least=0.1, most=3600)
#: Ceilings of the key, per minute and model; 0 is no limit. The provider's headers may say less.
LIMIT_REQUESTS_PER_MINUTE = env.integer("BATCHGEN_LIMIT_REQUESTS_PER_MINUTE", 1_000)
LIMIT_INPUT_TOKENS_PER_MINUTE = env.integer("BATCHGEN_LIMIT_INPUT_TOKENS_PER_MINUTE", 2_000_000)
LIMIT_OUTPUT_TOKENS_PER_MINUTE = env.integer("BATCHGEN_LIMIT_OUTPUT_TOKENS_PER_MINUTE", 400_000)
#: Calls at the same time, over all workers; 0 is no limit.
LIMIT_CONCURRENCY = env.integer("BATCHGEN_LIMIT_CONCURRENCY", 0)
#: A longer wait than this is not taken from the provider: the run pauses and says why.
LONGEST_WAIT_S = env.number("BATCHGEN_LONGEST_WAIT_S", 3600, least=1, most=86_400)
#: What the whole installation may spend in a month, in micro-dollars; None: without a limit.
MONTHLY_BUDGET_MICRO_USD = env.usd("BATCHGEN_MONTHLY_BUDGET_USD")
#: What a bucket holds, in seconds of its refill.
LIMIT_BURST_S = env.number("BATCHGEN_LIMIT_BURST_S", 1, least=0.1, most=60)

# Runs whose first requests go by the provider's batches: docs/batches.md.
#: How often a worker looks whether there is something to do about them.
BATCH_TICK_S = env.number("BATCHGEN_BATCH_TICK_S", 1, least=0.05, most=60)
#: How often the provider is asked about those that are out, all at once: less often as they age.
BATCH_POLL_S = env.number("BATCHGEN_BATCH_POLL_S", 5, least=0.1, most=3600)
BATCH_POLL_MOST_S = env.number("BATCHGEN_BATCH_POLL_MOST_S", 60, least=0.1, most=3600)
#: Requests, and bytes, of one slice at most, and requests that are out at the same time.
BATCH_SLICE = env.integer("BATCHGEN_BATCH_SLICE", 1_000, least=1, most=100_000)
BATCH_SLICE_BYTES = env.integer(
    "BATCHGEN_BATCH_SLICE_BYTES", 64_000_000, least=100_000, most=200_000_000
)
BATCH_REQUESTS_OUT = env.integer("BATCHGEN_BATCH_REQUESTS_OUT", 100_000, least=1)
#: What the provider has not known for so long counts as lost, and is asked again.
BATCH_LOST_S = env.number("BATCHGEN_BATCH_LOST_S", 600, least=1, most=86_400)
#: Of the lane `cheapest`: how long a slice that is cancelled may take to end, and how long before
#: its deadline a run is to end.
BATCH_SPILL_WAIT_S = env.number("BATCHGEN_BATCH_SPILL_WAIT_S", 60, least=0, most=3600)
BATCH_SPILL_MARGIN_S = env.number("BATCHGEN_BATCH_SPILL_MARGIN_S", 60, least=0, most=86_400)

#: What a set of stories must score, of 100, or the model is asked once to write it again; a
#: defect of high severity asks for that too. 0 leaves only those.
QUALITY_BAR = env.integer("BATCHGEN_QUALITY_BAR", 85, least=0, most=100)

# REST ------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "batchgen.accounts.tokens.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["batchgen.api.scopes.WithinScope"],
    "DEFAULT_THROTTLE_CLASSES": ["batchgen.http.throttle.RequestThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["batchgen.api.operations.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["batchgen.api.operations.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "batchgen.api.negotiation.Negotiation",
    "EXCEPTION_HANDLER": "batchgen.api.error_envelope.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "batchgen.api.openapi.EnvelopeSchema",
    "DEFAULT_VERSIONING_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is an export's own
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "COERCE_DECIMAL_TO_STRING": True,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
    #: How far the clocks of two web processes may be apart, in seconds.
    "LEEWAY": 30,
    # A token dies with the password it was bought with.
    "CHECK_REVOKE_TOKEN": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "batchgen",
    "DESCRIPTION": (
        "Generates the user stories of every epic of a backlog, and loses nothing.\n\n"
        "Every JSON answer is an envelope: `data` and `error`, of which one is null, and `page` "
        "on lists. Bodies are JSON in UTF-8 with each key once, finite numbers, no NUL character "
        "and at most 32 levels; a key or a query parameter that is not described is refused."
    ),
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "DEFAULT_GENERATOR_CLASS": "batchgen.api.openapi.OnceGenerator",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PATH_CONVERTER_OVERRIDES": {"id": UUID},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # What a PATCH needs is said by its serializer, not by being a PATCH.
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "batchgen.api.openapi.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RunStatus": "runs.states.RunStatus",
        "RunEpicStatus": "runs.states.ItemStatus",
        "RunType": "content.registry.run_types",
        "RunEpicStage": "runs.states.ItemStage",
        "RunPriority": "runs.states.Priority",
        "ReviewStatus": "epics.models.ReviewStatus",
        "BacklogReviewStatus": "epics.models.ReviewStatus.values",
        "ReviewedKind": "epics.api.review_serializers.KINDS",
        "SubtaskKind": "epics.models.stories.Subtask.Kind",
        "LowerRunStatus": "runs.api.run_output.LOWER_STATUSES",
        "RunLane": "runs.states.MoneyLane",
        "CallLane": "runs.states.CallLane",
        "JobStatus": "runs.api.batch_json.JOB_STATUSES",
        "PageType": "content.pages.models.Page.Type",
        "PageContentStatus": "content.pages.models.Page.ContentStatus",
        "PageComponentType": "content.pages.components.COMPONENTS",
    },
}

# Metrics ---------------------------------------------------------------------------------------

#: What a reader of the web process's /metrics brings (`Authorization: Bearer …`). Empty: whoever
#: asks from a private address and not through a proxy may read them.
METRICS_TOKEN = env.secret("BATCHGEN_METRICS_TOKEN")
#: Where a worker serves its /metrics; port 0: nowhere. Several on one machine need one port each.
WORKER_METRICS_HOST = env.text("BATCHGEN_WORKER_METRICS_HOST", "127.0.0.1")
WORKER_METRICS_PORT = env.integer("BATCHGEN_WORKER_METRICS_PORT", 0, most=65_535)

# Logs ------------------------------------------------------------------------------------------

#: `json`, an object a line for machines, or `text`, a line for people.
LOG_FORMAT = env.choice("BATCHGEN_LOG_FORMAT", "json" if PRODUCTION else "text", ("json", "text"))
LOG_LEVEL = env.choice(
    "BATCHGEN_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"ids": {"()": "batchgen.logs.AddIds"}},
    "formatters": {
        "json": {"()": "batchgen.logs.JSONFormatter"},
        "text": {"()": "batchgen.logs.ReadableFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["ids"]},
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # One line a task and a request is too much for tens of thousands of epics.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        # Uvicorn's lines come as all others do. Its access log has whole addresses, tickets and
        # all: batchgen.access takes its place.
        "uvicorn": {"handlers": [], "level": "INFO", "propagate": True},
        "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}

# Traces ----------------------------------------------------------------------------------------

#: Where spans go, by OTLP over HTTP; empty: nowhere, and none are made. The SDK reads this and its
#: other variables, OTEL_…, by itself: docs/observability.md.
OTLP_ENDPOINT = env.link("OTEL_EXPORTER_OTLP_ENDPOINT", path=False)
#: Prompts and answers in the spans of calls, for whoever reads traces.
TRACE_CONTENTS = env.boolean("BATCHGEN_TRACE_CONTENTS", default=False)

# All together ----------------------------------------------------------------------------------

KNOWN_VARIABLES, UNKNOWN_VARIABLES = env.known(), env.unknown()
if _refusals := cross_checks.refusals(globals()):
    raise ImproperlyConfigured("\n".join(["The settings do not fit together.", *_refusals]))

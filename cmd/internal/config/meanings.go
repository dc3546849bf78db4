package config

// meanings says of each key what it is for: Markdown, in the reference. [] stands for an element of a list.
var meanings = map[string]string{
	"env":    "What `{env}` stands for in the names of slots and publications, such as `prd`.",
	"listen": "`host:port` for clients. Without a host, or with `0.0.0.0`, other machines reach it.",

	"sources":               "The databases. Usually one; [setting up a source](sources.md) tells what it needs.",
	"sources[].name":        "What the log, metrics and rules call the source. Needed if there are several.",
	"sources[].uri":         "`postgres://user:password@host:5432/database?sslmode=verify-full`. Needed. [TLS](sources.md#tls) is configured in it.",
	"sources[].primary_uri": "The primary, in the same form, if `uri` is a standby's. [More](sources.md#primary-and-standbys)",
	"sources[].slot":        "Name of the replication slot. Can have `{env}`, `{db}` and `{source}`.",
	"sources[].publication": "Name of the publication. Can have the same.",
	"sources[].publication_management": "`auto`: weir makes the publication and adds tables to it. `manual`: a DBA does; weir says what is missing. " +
		"[More](sources.md#who-changes-the-publication)",
	"sources[].on_slot_loss": "What to do when Postgres has thrown the slot's changes away: read all tables again, or leave the source to you. " +
		"[More](resnapshots.md#the-slot)",

	"store":                            "The file that holds everything. [Caring for the store](storage-care.md) tells more.",
	"store.path":                       "Name of the file. It is made if it is missing. Put it on a local disk.",
	"store.disk_reserve":               "Room that is left on the disk. With less nothing is stored, and clients are served what there is; `0` doesn't look. [More](storage-care.md#a-full-disk)",
	"store.row_images":                 "Which column values are kept beside a row's state. [More](storage-care.md#row-images)",
	"store.compact.background":         "Compact while serving. Without it only `weir compact` does.",
	"store.compact.superseded_percent": "Of a bucket's operations at which it is compacted, 1 to 100.",
	"store.compact.memory_limit":       "Of one compaction, at least 1MiB.",

	"rules":              "The sync rules. [Deploying rules](deploys.md) tells more.",
	"rules.path":         "File that is deployed at start, if its meaning changed. Without one, rules come through the API.",
	"rules.keep_retired": "How long a replaced version can be rolled back to; `0s`: not at all.",

	"tls":      "TLS of weir's own listeners, if both files are named. They are read again when they change.",
	"tls.cert": "PEM file: the certificate, then those between it and its authority.",
	"tls.key":  "PEM file: the certificate's private key.",

	"api":           "The interface of administrators: API, metrics, profiles.",
	"api.tokens":    "Bearer tokens that open the API, as from `openssl rand -hex 32`. Without one it is closed.",
	"api.listen":    "`host:port` of a listener of its own for API and `/metrics`. Without it they are where clients connect.",
	"api.pprof":     "Serve profiles at `/debug/pprof/`. Needs `api.listen`.",
	"auth":          "Whose tokens clients may come with. [Authentication](auth.md) tells more.",
	"auth.audience": "Accepted values of the `aud` of tokens. Needed with keys.",

	"auth.jwks.keys[].kty":       "`RSA`, `EC`, `OKP` or `oct`.",
	"auth.jwks.keys[].alg":       "Algorithm, such as `HS256`. Needed for `oct`.",
	"auth.jwks.keys[].kid":       "The key's id. Needed for `RSA`.",
	"auth.jwks.keys[].use":       "`sig`, or nothing.",
	"auth.jwks.keys[].crv":       "Curve: `P-256`, `P-384`, `P-521` or `Ed25519`.",
	"auth.jwks.keys[].k":         "Secret of an `oct` key, base64url.",
	"auth.jwks.keys[].n":         "Modulus of an `RSA` key, base64url.",
	"auth.jwks.keys[].e":         "Exponent of an `RSA` key, base64url.",
	"auth.jwks.keys[].x":         "Of an `EC` or `OKP` key, base64url.",
	"auth.jwks.keys[].y":         "Of an `EC` key, base64url.",
	"auth.jwks_uri":              "Addresses of key sets, https or http. They are fetched again from time to time.",
	"auth.block_local_jwks":      "Refuse to fetch keys from addresses that are not on the public internet.",
	"auth.jwks_allow_ip_ranges":  "Such addresses that are allowed all the same.",
	"auth.jwks_reject_ip_ranges": "Addresses that are refused in any case.",
	"auth.supabase":              "Trust the Supabase project that a source belongs to.",
	"auth.supabase_jwt_secret":   "The project's legacy JWT secret. Needs `auth.supabase`.",

	"clients":                       "Limits for clients; [how they are told](clients.md).",
	"clients.max_connections":       "Of the process. Each takes a file descriptor; see [sizing](sizing.md).",
	"clients.max_user_connections":  "Of one user.",
	"clients.max_request":           "Size of a request, 4KiB to 64MiB.",
	"clients.max_buckets":           "Of one client.",
	"clients.max_parameter_results": "Rows that parameter queries may give one client.",

	"snapshot":              "How tables are read as a whole. [Snapshots](resnapshots.md) tells more.",
	"snapshot.concurrent":   "Read several tables at once, beside the stream. Otherwise one after the other, and the stream waits for the first snapshot.",
	"snapshot.workers":      "Connections that read at once, 1 to 64.",
	"snapshot.memory_limit": "Of rows that are being read. Weir's own memory stays near it, 64MiB and 128KiB for each client.",
	"snapshot.chunk_bytes":  "About what is read and stored at once. Smaller ones hold commits up less, and take longer.",

	"log":               "What is logged to standard error. [Logs](logs.md) lists the fields.",
	"log.level":         "Log from this level on.",
	"log.format":        "For people or for programs.",
	"log.hash_user_ids": "Write a hash in place of user ids.",

	"traces":          "OpenTelemetry traces of the way of commits. [More](metrics.md#traces)",
	"traces.endpoint": "Collector that speaks OTLP over HTTP, such as `http://127.0.0.1:4318`. Without one there are no traces.",
	"traces.one_in":   "Commits of which one is traced.",
}

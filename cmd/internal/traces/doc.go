// Package traces sends the way of commits from Postgres to clients to an OpenTelemetry collector.
//
// A commit's way is a trace of spans that follow one another:
//
//	commit                  from the commit at the source, by its clock, until it is in a checkpoint
//	├── receive             until weir has the whole transaction
//	├── apply               until the rules are evaluated for it (it may wait in the writer's queue, beside others)
//	├── store               until it is on disk
//	├── publish             until it is in a checkpoint: long while a snapshot of the active version holds checkpoints back
//	└── sent                until a client was sent a round with it, for the first clients
//
// The packages below tell of times that they know anyway (buckets.CommitTimes, clients.Config.Sent); spans are made of them afterwards, so
// that nothing of this is on a commit's way. What a slow collector does not take is dropped.
package traces

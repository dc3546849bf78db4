// Package deploys takes a rules text to being the active version.
//
//	Deploy ── judge      compile, and compare with the sources' catalogs    a fault: recorded as a failed version
//	       ── store      buckets.Store.Deploy: the version is deploying
//	Run    ── watch      a deploying version that can't become complete     fails; the active one is not disturbed
//
// Everything between is done by others: sources read what is new, and the store activates the version when all of it is there.
//
// # The rules file
//
// A file that the configuration names is deployed at start if its meaning is another than when the file was last deployed (file.go). So a
// restart does not undo a rollback or a deploy through the API that came after it, and an edited file always counts. At the very first
// start there is nothing that a deploy could disturb: the file is deployed although a source is down or lacks a table, and waits.
package deploys

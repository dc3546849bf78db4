// Package buckets turns source transactions and snapshot rows into bucket operations and checkpoints, and reads them back.
package buckets

package buckets

import "context"

// SourceState is what the store remembers of a source (I13). It is written together with the data it describes.
type SourceState struct {
	Name           string
	SystemID       string   // IDENTIFY_SYSTEM
	Database       string   // name
	Timeline       int32    // of Position
	Slot           string   // name
	Publication    string   // name
	PublicationOID uint32   // pg_publication.oid
	Position       Position // end of the last applied commit, or a keepalive position outside a transaction (I2)
}

// Source returns what is stored of the source called name; ok is false for a source never seen.
func (s *Store) Source(name string) (state SourceState, ok bool) { panic("skeleton") }

// SaveSource stores state durably. It is called when a slot was made (Position = its consistent point) and whenever the server's
// identity was checked; never to move Position of a running stream.
func (s *Store) SaveSource(ctx context.Context, state SourceState) error { panic("skeleton") }

// Apply queues tx for the writer and returns once there is room in its queue (bounded in bytes, I14). tx and its bytes belong
// to the store afterwards. A transaction whose End is not above the source's stored position is dropped (I6). An error
// means that the store can't go on (disk, corruption) or that ctx ended.
func (s *Store) Apply(ctx context.Context, tx *Transaction) error { panic("skeleton") }

// Keepalive queues a position received from the server while no transaction was open. Cheap when nothing moved.
func (s *Store) Keepalive(ctx context.Context, source string, pos Position) error { panic("skeleton") }

// Durable returns the source's position that is fsynced in the store: the only one that may be acknowledged (I2).
func (s *Store) Durable(source string) Position { panic("skeleton") }

// WaitDurable returns once Durable(source) >= pos, or with an error when ctx ends or the store failed.
func (s *Store) WaitDurable(ctx context.Context, source string, pos Position) error { panic("skeleton") }

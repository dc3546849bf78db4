package syncclient

import "time"

// WithSilence has streams that say nothing for d count as dead.
func (o Options) WithSilence(d time.Duration) Options {
	o.silence = d
	return o
}

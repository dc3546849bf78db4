package auth

import "context"

// Trial is how the fetch of a set of keys ended.
type Trial struct {
	Host string
	Keys int   // that came
	Err  error // why none did
}

// Try fetches the keys of each URI once and tells how that went. It keeps none of them.
func (v *Verifier) Try(ctx context.Context) []Trial {
	trials := make([]Trial, 0, len(v.sets))
	for _, s := range v.sets {
		trials = append(trials, s.try(ctx))
	}
	return trials
}

func (s *keySet) try(ctx context.Context) Trial {
	ctx, cancel := context.WithTimeout(ctx, s.timing.timeout)
	defer cancel()
	keys, err := s.fetch(ctx, s.uri)
	return Trial{Host: hostOf(s.uri), Keys: len(keys), Err: err}
}

// Static is how many keys the configuration holds itself.
func (v *Verifier) Static() int { return len(v.static) }

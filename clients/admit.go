package clients

import "sync"

// admit takes one of the places for streams and WebSockets, and one of the user's. leave gives them back.
func (s *Server) admit(user string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining.Err() != nil:
		return nil, faultDraining
	case s.places >= s.cfg.MaxConnections, s.users[user] >= s.cfg.MaxUserConnections:
		return nil, faultTooBusy
	}
	s.places++
	s.users[user]++
	s.running.Add(1)
	return func() {
		s.mu.Lock()
		s.places--
		if s.users[user]--; s.users[user] == 0 {
			delete(s.users, user)
		}
		s.mu.Unlock()
		s.running.Done()
	}, nil
}

// Connections is how many HTTP streams and WebSockets are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places
}

// strangersShare is the share of MaxConnections that WebSockets may take whose clients have not said yet who they are. Each has
// rsocket.SetupTimeoutDefault to do so.
const strangersShare = 10

// greet takes one of the places for strangers. known gives it back, at the first call.
func (s *Server) greet() (known func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining.Err() != nil:
		return nil, faultDraining
	case s.strangers > (s.cfg.MaxConnections-1)/strangersShare:
		return nil, faultTooBusy
	}
	s.strangers++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.strangers--
	}), nil
}

package clients

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

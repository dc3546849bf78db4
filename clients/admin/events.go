package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/weirsync/weir/buckets"
)

const (
	eventEvery   = 300 * time.Millisecond // progress is looked at so often
	eventSilence = 15 * time.Second       // after which a comment keeps proxies from closing the connection
	eventTimeout = 30 * time.Second       // a client that takes nothing for so long is cut off
)

// openEvents sends the progress of a version, the deploying or else the active one, as server-sent events: "progress" whenever it changed,
// and at the end one that is named as the version's state. Its data is a Progress.
func (s *Server) openEvents(r *http.Request) (action, error) {
	p, err := readParams(r)
	if err != nil {
		return nil, err
	}
	id := p.number("version")
	return func(context.Context) (any, error) {
		v := s.version(func(v *buckets.Version) bool { return uint32(v.ID) == id || id == 0 && v.State == buckets.Deploying })
		if v == nil && id == 0 {
			v = s.version(func(v *buckets.Version) bool { return v.State == buckets.Active })
		}
		if v == nil {
			return nil, noVersion(fmt.Sprint(id))
		}
		return events{s, v.ID}, nil
	}, p.err()
}

// version returns the newest version that is fit, nil if none is.
func (s *Server) version(fit func(*buckets.Version) bool) *buckets.Version {
	for _, v := range s.cfg.Store.Versions() {
		if fit(&v) {
			return &v
		}
	}
	return nil
}

// events is an answer that goes on until the version is deploying no more.
type events struct {
	s  *Server
	id buckets.VersionID
}

func (e events) write(w http.ResponseWriter, r *http.Request) {
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	tick := time.NewTicker(eventEvery)
	defer tick.Stop()
	for {
		changed := e.s.cfg.Store.Changed()
		more, err := e.step(out)
		if !more || err != nil { // a client that is gone needs no answer
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-e.s.closing.Done():
			return
		}
	}
}

// step sends what is new. more: the version is still deploying.
func (e events) step(out *eventWriter) (more bool, err error) {
	v := e.s.version(func(v *buckets.Version) bool { return v.ID == e.id })
	if v == nil {
		return false, nil
	}
	name := "progress"
	if v.State != buckets.Deploying {
		name = string(v.State)
	}
	return name == "progress", out.send(name, e.s.cfg.Rules.Progress(VersionOf(v)))
}

// eventWriter sends events that differ from the one before.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    []byte
	sent    time.Time
}

func (o *eventWriter) send(name string, p *Progress) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("event: %s\ndata: %s\n\n", name, data)
	if name == "progress" && bytes.Equal(data, o.last) {
		if time.Since(o.sent) < eventSilence {
			return nil
		}
		text = ": still there\n\n"
	}
	o.last, o.sent = data, time.Now()
	_ = o.control.SetWriteDeadline(o.sent.Add(eventTimeout)) // not every ResponseWriter can
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.control.Flush()
}
